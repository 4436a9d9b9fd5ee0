"""The second half of docs/reference/gallery.md: every solver of ours on one task.

The pictures take minutes, so `python docs/make_gallery.py --solvers` computes them, and the command
without it leaves them as they are. The settings are short ones: nothing here compares solvers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import invprob
from invprob.config.registry import registry
from invprob.params import Spec

OPERATOR = "inpaint:keep=0.3"
NOISE = "gaussian:sigma=0.02"
SEED = 3


@dataclass(frozen=True)
class Shown:
    """A solver as it is shown.

    Attributes:
        solver: The solver and its settings.
        prior: The prior; empty: the solver's own.
        generator: The generator; empty: the solver's own, if it needs one.
    """

    solver: str
    prior: str = ""
    generator: str = ""

    @property
    def name(self) -> str:
        """The name of the solver."""
        return Spec.model_validate(self.solver).name

    def image(self, truth: Tensor) -> Tensor:
        """What the solver makes of the measurement of a truth (C, H, W): one sample or estimate."""
        found = invprob.solve(
            truth=truth,
            operator=OPERATOR,
            noise=NOISE,
            solver=self.solver,
            prior=self.prior or None,
            generator=self.generator or None,
            num_samples=1,
            seed=SEED,
            device="cpu",
        )
        return found.samples[0, 0]


ROWS = {
    "untrained": (
        "Without training",
        (Shown("pinv"), Shown("tv"), Shown("wavelet")),
    ),
    "gaussian": (
        "With a Gaussian that was fitted to faces",
        (
            Shown("gaussian:draws=1"),
            Shown("mala:steps=400", "gaussian-images"),
            Shown("hmc:steps=60", "gaussian-images"),
        ),
    ),
    "denoiser": (
        "With the denoiser `photo`",
        (Shown("pnp"), Shown("diffpir:steps=30")),
    ),
    "diffusion": (
        "With the diffusion model `faces64-ddpm`",
        (
            Shown("dps:steps=50"),
            Shown("mmps:steps=20"),
            Shown("pigdm:steps=20"),
            Shown("daps:levels=20,ode_steps=2", "pixel-diffusion"),
        ),
    ),
    "ddim": (
        "With `faces64-ddpm` as a generator in three steps",
        (Shown("dmplug:steps=120"), Shown("dmilo:steps=20,rounds=2")),
    ),
    "generator": (
        "With the generator `faces64`",
        (
            Shown("csgm:steps=100,restarts=1"),
            Shown("ilo:steps=40,40,40"),
            Shown("sgilo:steps=100"),
            Shown("sgilo-released:steps=60,60"),
            Shown("pcn:steps=400"),
        ),
    ),
    "relu": (
        "On an image that a network of random weights made",
        (Shown("sign-descent:steps=400", generator="random-relu:latent=10"),),
    ),
}


def truth_of(row: str) -> Tensor:
    """What is measured in a row, (3, H, W): a bundled face, or an image of the random network."""
    if row != "relu":
        return invprob.datasets.faces(1)[0]
    entry = registry().find("generator", "random-relu")
    G = entry.load()(entry.params()(latent=10))
    with torch.no_grad():
        return G(G.sample(1, torch.Generator().manual_seed(SEED)))[0].clamp(0, 1)


def measured(truth: Tensor) -> Tensor:
    """The measurement as a picture, (3, H, W)."""
    found = invprob.solve(
        truth=truth, operator=OPERATOR, noise=NOISE, solver="pinv", seed=SEED, device="cpu"
    )
    return found.operator.observed(found.y)[0].clamp(0, 1)


def pictures(row: str) -> list[Tensor]:
    """The truth, the measurement, and the image of each solver of a row."""
    truth = truth_of(row)
    return [truth, measured(truth), *(shown.image(truth) for shown in ROWS[row][1])]


def lines() -> list[str]:
    """The lines of the page."""
    made = [
        "## Solvers\n",
        f"Every solver on `{OPERATOR}` with Gaussian noise of 0.02: the truth, the measurement,",
        "and one sample or estimate of each. The settings are short ones, which take seconds, and",
        "compare nothing. `python docs/make_gallery.py --solvers` makes the pictures.\n",
    ]
    for row, (title, solvers) in ROWS.items():
        texts = [shown.solver for shown in solvers]
        made += [f"### {title}\n"]
        made += [f"From the left: truth, measurement, {', '.join(f'`{t}`' for t in texts)}.\n"]
        made += [f"![{title}: {', '.join(texts)}](../images/solvers/{row}.webp)\n"]
        for shown in solvers:
            summary = registry().find("solver", shown.name).component.summary
            prior = f", `--prior {shown.prior}`" if shown.prior else ""
            made.append(f"- [`{shown.solver}`](components.md#{shown.name}){prior} – {summary}")
        made.append("")
    return made
