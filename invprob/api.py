"""The Python interface: `solve` and `compose` take what the command line takes, and objects too.

Both build the same `Experiment` and drive the same run as ``invprob solve`` does. Components are
texts as on the command line, ``"inpaint:keep=0.05"``, or objects of the interfaces.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from invprob.config.experiment import Experiment, complete
from invprob.config.registry import registry
from invprob.errors import BadInput
from invprob.generator import Generator
from invprob.io import images
from invprob.operator import Noise, Operator
from invprob.params import Spec
from invprob.prior import Prior
from invprob.runs import build, in_memory, session
from invprob.runs.build import Parts
from invprob.runs.in_memory import Given
from invprob.runs.instances import Objects
from invprob.runs.loop import Observer
from invprob.runs.solution import Solution
from invprob.solver import Solver

__all__ = ["Solution", "compose", "resume", "samples", "solve"]

Path_: TypeAlias = "str | os.PathLike[str]"
Array: TypeAlias = "Tensor | np.ndarray[Any, Any] | Image.Image"
Priors: TypeAlias = "str | Spec | Prior | Mapping[int, str | Spec | Prior]"


def solve(
    y: Path_ | Array | None = None,
    *,
    truth: Path_ | Array | Sequence[Path_ | Array] | None = None,
    operator: str | Spec | Operator | Sequence[str | Spec] = "basics.inpaint",
    noise: str | Spec | Noise = "basics.gaussian:sigma=0.02",
    solver: str | Spec | Solver = "sgilo.sgilo",
    generator: str | Spec | Generator | None = None,
    prior: Priors | None = None,
    samples: int = 4,
    seed: int = 0,
    device: str = "auto",
    resize: bool = False,
    crop: bool = False,
    limit: int | None = None,
    observe: Iterable[str | Spec | Observer] = (),
    out: Path_ | None = None,
) -> Solution:
    """Reconstruct images from a measurement `y`, or from what `operator` measures of a `truth`.

    `y` is a path, a tensor or float array in the operator's shape (with or without a batch
    dimension), or a picture (a Pillow image, an 8-bit array, a tensor (C, h, w) in [0, 1]) of a
    measurement that is one. `truth` is a path to an image, folder or zip file, a tensor or float
    array (C, H, W) or (B, C, H, W) in [0, 1], a Pillow image or an 8-bit array, or a sequence of
    paths or of pictures; results are then compared with it. `prior` serves every stage, or is a
    mapping by stage. `observe` are observers by name, or functions that see every
    `invprob.solver.Progress`.

    The run folder is `out`, which must be new or empty; without one, nothing is kept on disk.
    Raises `invprob.errors.InvprobError` for what cannot be used, and on Ctrl-C
    `invprob.runs.session.Interrupted`, whose `out` can be resumed, or without one
    `KeyboardInterrupt`.
    """
    if (y is None) == (truth is None):
        what = "neither y nor truth is" if y is None else "both y and truth are"
        raise BadInput(f"{what} given", "give y, which is measured already, or truth to measure")
    table, made = _table(operator, noise, solver, generator, prior)
    table |= {"samples": samples, "seed": seed, "device": device, "resize": resize, "crop": crop}
    table |= {"limit": limit}
    watching = list(observe)
    table["observe"] = [w for w in watching if isinstance(w, (str, Spec))]
    functions = [w for w in watching if not isinstance(w, (str, Spec))]
    named, memory = _inputs(y, truth)
    experiment = Experiment.parse(table | named)
    watch: Callable[..., Any] = lambda *_: functions  # noqa: E731

    def run(folder: Path) -> Solution:
        outcome = session.solve(experiment, made.registry, folder, watch, memory)
        return Solution.of(outcome, folder)

    if out is not None:
        return run(Path(out))
    with tempfile.TemporaryDirectory(prefix="invprob-") as folder:
        try:
            return run(Path(folder)).without_folder()
        except session.Interrupted:
            raise KeyboardInterrupt from None


def resume(out: Path_) -> Solution:
    """Take up an interrupted run of `solve` or of the command line where its checkpoint stands."""
    return Solution.of(session.resume(registry(), Path(out)), Path(out))


def compose(
    *,
    image_shape: tuple[int, int, int] | None = None,
    operator: str | Spec | Operator | Sequence[str | Spec] = "basics.inpaint",
    noise: str | Spec | Noise = "basics.gaussian:sigma=0.02",
    solver: str | Spec | Solver = "sgilo.sgilo",
    generator: str | Spec | Generator | None = None,
    prior: Priors | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Parts:
    """The objects that `solve` would compute with: ``parts.solver``, ``.generator``, ``.operator``,
    ``.priors`` and, of measurements y, ``.problem(y, samples, seed)`` for ``parts.solver.run``.

    `image_shape` is (C, H, W), needed where neither generator nor prior knows it.
    """
    table, made = _table(operator, noise, solver, generator, prior)
    experiment = Experiment.parse(table | {"seed": seed, "device": device})
    whole = complete(experiment, made.registry)
    return build.parts(whole, made.registry, image_shape)


def samples(count: int = 2) -> Tensor:
    """The first of the rendered faces that come with invprob, (count, 3, 64, 64) in [0, 1]."""
    files = images.bundled()
    if not 1 <= count <= len(files):
        raise BadInput(f"{count} samples are asked for", f"there are {len(files)}")
    return torch.stack([file.read(3) for file in files[:count]])


def _table(
    operator: Any, noise: Any, solver: Any, generator: Any, prior: Any
) -> tuple[dict[str, Any], Objects]:
    """The components of an experiment, and where those that are objects are found."""
    made = Objects(registry())
    table: dict[str, Any] = {"solver": made.spec("solver", solver)}
    if isinstance(operator, str):
        table["operator"] = operator
    else:
        several = operator if isinstance(operator, (list, tuple)) else [operator]
        table["operator"] = [made.spec("operator", part) for part in several]
    table["noise"] = made.spec("noise", noise)
    if generator is not None:
        table["generator"] = made.spec("generator", generator)
    if prior is not None:
        by_stage = prior if isinstance(prior, Mapping) else {"default": prior}
        table["prior"] = {str(stage): made.spec("prior", p) for stage, p in by_stage.items()}
    return table, made


def _inputs(y: Any, truth: Any) -> tuple[dict[str, Any], Given | None]:
    """What the experiment names, and what is in memory instead."""
    if isinstance(y, (str, os.PathLike)):
        return {"measurement": os.fspath(y)}, None
    if y is not None:
        return {}, Given(measurement=in_memory.numbers(y, "y"))
    parts = list(truth) if isinstance(truth, (list, tuple)) else [truth]
    paths = [os.fspath(part) for part in parts if isinstance(part, (str, os.PathLike))]
    if paths and len(paths) == len(parts):
        return {"images": paths}, None
    return {}, Given(pictures=in_memory.pictures(truth))
