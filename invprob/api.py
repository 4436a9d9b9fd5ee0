"""The Python interface: `solve` takes objects, or what the command line takes.

Components are objects of the interfaces, or texts as on the command line, ``"inpaint:keep=0.05"``.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from PIL import Image
from torch import Tensor

from invprob import paths
from invprob.callback import CallbackContext, OnStep
from invprob.config import input_files
from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.errors import BadInput, notify
from invprob.generator import Generator
from invprob.global_state.torch_state import standard
from invprob.noise import Noise
from invprob.operator import Operator
from invprob.params import Spec
from invprob.prior import Prior
from invprob.runs import build, default_method, given, inputs, instances, many, session
from invprob.runs.build import Parts
from invprob.runs.instances import Instances
from invprob.runs.solution import Solution
from invprob.solver import Problem, Solver

__all__ = ["Solution", "compose", "resume", "solve"]

_log = logging.getLogger(__name__)

Path_: TypeAlias = "str | os.PathLike[str]"
Array: TypeAlias = "Tensor | np.ndarray[Any, Any] | Image.Image"
Priors: TypeAlias = "str | Spec | Prior | Mapping[int, str | Spec | Prior]"


@standard()
def solve(
    y: Problem | Path_ | Array | None = None,
    solver: Solver | str | Spec | None = None,
    *,
    truth: Path_ | Array | Sequence[Path_ | Array] | None = None,
    operator: Operator | str | Spec | Sequence[str | Spec] | None = None,
    noise: Noise | str | Spec | None = None,
    generator: Generator | str | Spec | None = None,
    prior: Priors | None = None,
    num_samples: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    resize: bool = False,
    crop: bool = False,
    crop_at: str | None = None,
    limit: int | None = None,
    keep_measured: bool = False,
    callbacks: Iterable[OnStep | str | Spec] = (),
    out: Path_ | None = None,
    batch: int | None = None,
    samples: int | None = None,
    observe: Iterable[OnStep | str | Spec] = (),
) -> Solution:
    """Reconstruct images: ``solve(problem, solver)``, ``solve(y, operator=…)``, ``solve(truth=…)``.

    A `Problem` brings operator, noise, generator, priors, number of samples and seed with it. Else
    either `y` or `truth` is given; a `truth` is measured by `operator` with `noise`. Components are
    objects, or texts as on the command line: ``"superres:factor=4"``.

    Args:
        y: A problem; or a measurement: a path, a tensor or float array in the shape of the
            operator's measurements, with or without a batch dimension, or a picture where
            measurements are pictures (a Pillow image, an 8-bit array, floats (C, h, w) in [0, 1]).
        solver: The algorithm; None: ``"sgilo.sgilo"``, or ``"pnp.pnp"`` for pictures that are not
            64×64, where neither generator nor prior is given and they are neither resized nor
            cropped. A problem needs an object here.
        truth: Images to measure, and to compare results with: a path to an image, folder or zip
            file, a tensor or float array (C, H, W) or (B, C, H, W) in [0, 1], a Pillow image, an
            8-bit array, or a sequence of paths or of pictures. Beside a problem: one image for each
            of its measurements.
        operator: What is measured; texts in a sequence are applied in order. A differentiable
            function of images (B, C, H, W) will do. None: ``"basics.inpaint"``.
        noise: The noise, its levels in units of [0, 1]. None: that of an operator that is an object
            and has one, else ``"basics.gaussian:sigma=0.02"``.
        generator: The image model; None: what the solver proposes. A solver object of your own
            proposes none and then works on pixels, with a warning. An object, as of a prior, is
            left in evaluation mode, without gradients of its weights, on the device.
        prior: A prior for every stage, or a mapping from stage to prior; None: what the solver
            proposes.
        num_samples: Samples (chains, restarts) per measurement, from 1 to 4096; None: 4, of ``pnp``
            1.
        seed: The seed of every draw, at least 0; None: 0.
        device: ``"auto"`` (CUDA, then MPS, then the CPU), ``"cpu"``, ``"cuda"`` or ``"mps"``; None:
            ``"auto"``.
        resize: Whether to resize images, measured pictures and masks to the generator's size.
        crop: Whether to crop them to the size of the generator, or its aspect.
        crop_at: Where the crop lies: ``"middle"``, ``"top"``, ``"bottom"``, ``"left"``,
            ``"right"``, or how far down and to the right, ``"0.2,0.5"``; None: ``"middle"``.
        limit: Use only so many images of `truth`, at least 1; None: all.
        keep_measured: Whether ``restored.png`` keeps measured pixels to the bit; the measurement is
            without noise then.
        callbacks: Functions of an `invprob.solver.Progress`, called after every step; one that
            returns True stops the run, which then returns what there is. Or observers by name.
        out: The folder to write, new or empty; None: nothing is kept on disk. `resume` takes up
            the run of a folder if every component was a text or a `Spec`; objects are not kept.
            Many pictures are solved there in chunks; of each chunk, callbacks see the steps and may
            stop the run.
        batch: Rows (pictures × samples) of a chunk; 0: all pictures at once; None: what fits, at
            most 32, where there are more than 64.
        samples: The old name of `num_samples`.
        observe: The old name of `callbacks`.

    Returns:
        Samples, their mean and spread, metrics and diagnostics; `Solution.complete` is False where
        a callback stopped the run. Of a run in chunks, tensors are read when they are asked for.

    Raises:
        InvprobError: If something cannot be used, in a sentence and a hint.
        Diverged: If the result is NaN or infinite; its ``solution`` is what was computed before.
        Interrupted: (`invprob.runs.session.Interrupted`) on Ctrl-C in a run that can be resumed;
            otherwise Ctrl-C raises `KeyboardInterrupt`.
    """
    if samples is not None:
        _renamed("samples", "num_samples")
    if observe:
        _renamed("observe", "callbacks")
    num_samples, called = num_samples if samples is None else samples, [*callbacks, *observe]
    functions = [c for c in called if not isinstance(c, (str, Spec))]
    named = [c for c in called if isinstance(c, (str, Spec))]
    folder = None if out is None else paths.expand(out)
    components = {"operator": operator, "noise": noise, "generator": generator, "prior": prior}
    numbers = {"samples": num_samples, "seed": seed, "device": device, "limit": limit}
    fitting = {"resize": resize or None, "crop": crop or None, "crop_at": crop_at}
    fitting |= {"keep_measured": keep_measured or None}

    def make(_: CallbackContext) -> list[OnStep]:
        return functions

    if isinstance(y, Problem):
        idle = components | numbers | fitting | {"callbacks": named or None}
        _refuse_beside_a_problem([name for name, value in idle.items() if value is not None])
        if not isinstance(solver, Solver):
            raise BadInput(f"solver is {solver!r}", "give a problem a solver that is an object")
        y.check()
        pictures = None if truth is None else given.pictures(truth)
        data = inputs.data_of(y, pictures)
        return _told(session.solve_problem(y, solver, data, folder, make))
    if (y is None) == (truth is None):
        what = "neither y nor truth is" if y is None else "both y and truth are"
        raise BadInput(f"{what} given", "give y, which is measured already, or truth to measure")
    table, found = _components(solver=solver, **components)
    if y is not None and operator is None:
        raise BadInput(
            "y is given without the operator that measured it",
            'say what happened to it: operator="inpaint:mask=hole.png", "superres:factor=4", …',
        )
    named_files, memory = given.inputs(y, truth)
    table |= {k: v for k, v in (numbers | fitting).items() if v is not None}
    whole = Experiment.parse(table | named_files | {"observe": named})
    whole, said = default_method.choose(whole, found.registry, memory)
    if said:
        _log.info(said)
    experiment = whole.resolve(found.registry)
    input_files.check(experiment, found.registry)
    found.check_used(solver, experiment)
    if batch is not None and folder is None:
        raise BadInput(f"batch={batch} is given without a folder", "give out=…")
    if folder is not None:
        several = many.solve(experiment, found.registry, folder, make, memory, batch)
        if several is not None:
            return _told(several)
    return _told(session.solve(experiment, found.registry, folder, make, memory))


def resume(out: Path_) -> Solution:
    """Go on with a run that was stopped, of `solve` or of the command line.

    Args:
        out: Its folder.

    Returns:
        What the run came to, in the same bits as if it had never stopped, on a CPU.

    Raises:
        InvprobError: If the folder cannot be resumed, as where a component was an object.
        Interrupted: (`invprob.runs.session.Interrupted`) on Ctrl-C.
    """
    place = paths.expand(out)
    return _told(many.resume(registry(), place) or session.resume(registry(), place))


@standard()
def compose(
    *,
    image_shape: tuple[int, int, int] | None = None,
    operator: Operator | str | Spec | Sequence[str | Spec] | None = None,
    noise: Noise | str | Spec | None = None,
    solver: Solver | str | Spec | None = None,
    generator: Generator | str | Spec | None = None,
    prior: Priors | None = None,
    seed: int | None = None,
    device: str | None = None,
) -> Parts:
    """Make the objects that `solve` would compute with.

    Args:
        image_shape: (C, H, W), needed where neither generator nor prior knows it.
        operator: As in `solve`.
        noise: As in `solve`.
        solver: As in `solve`.
        generator: As in `solve`.
        prior: As in `solve`.
        seed: The seed of what the operator draws; None: 0.
        device: As in `solve`.

    Returns:
        ``parts.solver``, ``.generator``, ``.operator``, ``.priors`` by stage, and
        ``.problem(y, samples, seed)`` for ``parts.solver.run``.

    Raises:
        InvprobError: If they cannot be made, or do not fit each other.
    """
    table, found = _components(
        operator=operator, noise=noise, solver=solver, generator=generator, prior=prior
    )
    table |= {k: v for k, v in {"seed": seed, "device": device}.items() if v is not None}
    experiment = Experiment.parse(table).resolve(found.registry)
    return build.parts(experiment, found.registry, image_shape)


def _told(solution: Solution) -> Solution:
    for notice in solution.notices:
        warnings.warn(notice, UserWarning, stacklevel=4)
    return solution


def _components(**given: Any) -> tuple[dict[str, Any], Instances]:
    """The components that are given, and where those that are objects are found."""
    found = Instances(registry())
    table: dict[str, Any] = {}
    if given["noise"] is None:
        given["noise"] = instances.noise_of(given["operator"])
    for kind, value in given.items():
        if value is None:
            continue
        if kind == "operator" and not isinstance(value, str):
            table[kind] = found.operators(value)
        elif kind == "prior":
            by_stage = value if isinstance(value, Mapping) else {"default": value}
            table[kind] = {str(stage): found.spec("prior", p) for stage, p in by_stage.items()}
        else:
            table[kind] = value if kind == "operator" else found.spec(kind, value)  # type: ignore[arg-type]
    return table, found


def _refuse_beside_a_problem(names: Sequence[str]) -> None:
    if names:
        raise BadInput(
            f"{', '.join(names)} cannot be given beside a problem",
            "give it to Problem.create; callbacks of a problem are functions",
        )


def _renamed(old: str, new: str) -> None:
    notify(f"solve({old}=…) is called {new}= now; the next release refuses {old}=")
