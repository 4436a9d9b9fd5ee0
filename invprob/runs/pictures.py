"""The pictures of a run folder: written last, for people to look at."""

from __future__ import annotations

from pathlib import Path

from invprob.io import files, images
from invprob.plots import summary, traces
from invprob.runs.solution import Solution


def write(out: Path, solution: Solution) -> None:
    """Write measurements, means, stds, samples, quantiles and draws, traces and the summary.

    Args:
        out: The folder of the run.
        solution: What is shown; it stays as it is, and so does its operator.
    """
    for i, name in enumerate(solution.names):
        images.write_png(out / "measurement" / f"{name}.png", solution.observed[i])
        images.write_png(out / "mean" / f"{name}.png", solution.mean[i])
        images.write_png(out / "std" / f"{name}.png", solution.std[i] / solution.std_white)
        for s, sample in enumerate(solution.samples[i]):
            images.write_png(out / "samples" / f"{name}-{s:02d}.png", sample)
        if solution.interval.trusted:
            for part in ("lower", "median", "upper"):
                images.write_png(out / part / f"{name}.png", getattr(solution.interval, part)[i])
        if solution.draws is not None:
            (out / "draws").mkdir(exist_ok=True)
            summary.mixing(solution.draws.images[i]).save(out / "draws" / f"{name}.png")
    chains = solution.samples.shape[1]
    page = traces.traces(
        solution.names, chains, solution.trace, solution.draws, solution.diagnostics
    )
    with files.replacing(out / "trace.png") as target:
        page.savefig(target, format="png")
    files.write_bytes(out / "summary.png", solution.summary)
