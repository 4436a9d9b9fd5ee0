"""Write and execute the notebook: python docs/notebooks/make.py (needs nbclient and ipykernel)."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

CELLS = [
    """# First steps in Python

`invprob.solve` takes what `invprob solve` takes, and tensors and objects besides. Importing
invprob is quick; PyTorch is loaded when something is computed.""",
    """import invprob

truth = invprob.datasets.faces(1)  # a rendered face, (1, 3, 64, 64) in [0, 1]
result = invprob.solve(
    truth=truth, operator="inpaint:box=24x24", solver="sgilo:steps=40", num_samples=2
)
result""",
    """The pictures are truth, measurement, posterior mean, its standard deviation and the samples;
chains this short are not assessed. All of it is there to compute with:""",
    """{
    "mean": tuple(result.mean.shape),
    "std": tuple(result.std.shape),
    "samples": tuple(result.samples.shape),
    "PSNR of the mean": round(result.metrics[0]["psnr_mean"], 2),
    "chains": result.diagnostics[0].verdict,
}""",
    """## A measurement of your own

A measurement is a tensor, an array, a Pillow image or a path. Here it is the vector that the
operator measured above: nothing else is known, so nothing is compared.""",
    """\
again = invprob.solve(
    result.y, operator="inpaint:box=24x24", solver="csgm:steps=20", num_samples=2
)
again""",
    """## Objects

`compose` gives the objects of a run; `solve` takes objects for any of them, and functions that
see every step.""",
    """parts = invprob.compose(operator="superres:factor=4", solver="csgm:steps=20")
chi2 = []


def watch(progress):
    chi2.append(float(progress.info.metrics["chi2"].mean()))


found = invprob.solve(
    truth=truth,
    operator=parts.operator,
    generator=parts.generator,
    solver=parts.solver,
    prior={0: parts.priors[0]},
    num_samples=1,
    callbacks=[watch],
)
print(found)
print(f"χ² {chi2[0]:.0f} at the first step, {chi2[-1]:.1f} at the last")""",
    """## A problem, step by step

Components are classes that take values and tensors, and a `Problem` holds them. The loop is yours:
leave it when you like.""",
    """from dataclasses import replace

import matplotlib.pyplot as plt
from invprob import Problem
from invprob_basics import GaussianNoise
from invprob_csgm import CSGM

problem = Problem.create(found.y, parts.operator, parts.generator, parts.priors, seed=1)
louder = replace(problem, operator=problem.operator.with_noise(GaussianNoise(0.1)))
for name, one in {"σ = 0.02": problem, "σ = 0.1": louder}.items():
    chi2 = [float(info.metrics["chi2"]) for state, info in CSGM(steps=20).run(one)]
    plt.semilogy(chi2, label=name)
plt.legend(title="assumed noise")
plt.ylabel("χ²");""",
    """`invprob.solve` takes a problem too. A callback that returns True stops a run; the result
is what there is by then.""",
    """stopped = invprob.solve(
    problem, CSGM(steps=20), truth=truth, callbacks=[lambda progress: progress.state.step == 10]
)
stopped.complete, stopped.steps, round(stopped.metrics[0]["psnr_mean"], 2)""",
    """## The same on the command line

Every run is an experiment; `invprob run` takes it from a file.""",
    """print(result.experiment.to_toml()[:420])""",
]


def main() -> None:
    """What is Python is a cell of code, what is not is prose."""
    notebook = nbformat.v4.new_notebook()
    for i, text in enumerate(CELLS):
        make = nbformat.v4.new_code_cell if _code(text) else nbformat.v4.new_markdown_cell
        cell = make(text)
        cell["id"] = f"cell-{i}"
        notebook.cells.append(cell)
    NotebookClient(notebook, timeout=600).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, Path(__file__).with_name("first_steps.ipynb"))


def _code(text: str) -> bool:
    try:
        compile(text, "cell", "exec")
    except SyntaxError:
        return False
    return True


if __name__ == "__main__":
    main()
