"""From an experiment to objects: generator, operator, solver, problem."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from invprob import seeds
from invprob.callback import Callback, CallbackContext
from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput, Incompatible
from invprob.generator import Generator, Identity
from invprob.io.framing import Framing
from invprob.operator import Operator, compose
from invprob.params import Spec
from invprob.runs.image_shape import told
from invprob.solver import Problem, Solver


@dataclass(frozen=True)
class Parts:
    """The objects of one experiment.

    Attributes:
        solver: The solver.
        generator: The generator, in evaluation mode, on the device.
        operator: The operators in a chain, with the noise, in float32 on the device.
        device: The device.
        priors: The priors by stage, in evaluation mode, on the device.
    """

    solver: Solver
    generator: Generator
    operator: Operator
    device: torch.device
    priors: dict[int, Any]

    def problem(self, y: Tensor, samples: int, seed: int) -> Problem:
        """Make the problem of some measurements.

        Args:
            y: B measurements, (B, *operator.out_shape).
            samples: Rows for each measurement; those of one stand in a row.
            seed: The seed of every draw.

        Returns:
            A problem of B × `samples` rows, on the device of the parts.
        """
        return Problem.create(
            y,
            self.operator,
            self.generator,
            self.priors,
            num_samples=samples,
            seed=seed,
            device=self.device,
        )


def device(name: str) -> torch.device:
    """Find the device of a name.

    Args:
        name: ``cpu``, ``cuda``, ``mps``, or ``auto``, which takes CUDA, then MPS, then the CPU.

    Returns:
        The device.

    Raises:
        BadInput: If this machine has none of that name.
    """
    have = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next((d for d in ("cuda", "mps") if have[d]), "cpu")
    if not have.get(name, True):
        raise BadInput(f"device {name!r} is not available here", "use --device auto or cpu")
    return torch.device(name)


def component(registry: Registry, kind: str, spec: Spec, *args: Any, **offered: Any) -> Any:
    """Make a component.

    Args:
        registry: Where it is looked up.
        kind: One of `invprob.plugin.KINDS`.
        spec: Its name and parameters.
        args: What its kind gets besides parameters; see `invprob.plugin.Component`.
        offered: What else its target gets, if it has a parameter of that name.

    Returns:
        What the target of the component returns.

    Raises:
        InvprobError: If it is unknown or cannot be made.
    """
    entry = registry.find(kind, spec.name)
    params = entry.params().parse(spec.params, f"{kind} {spec.name}")
    target = entry.load()
    known = inspect.signature(target).parameters if offered else {}
    return target(params, *args, **{name: v for name, v in offered.items() if name in known})


Make = Callable[..., Any]  # `component`, or what does the same


@dataclass(frozen=True)
class Models:
    """The objects that do not depend on the measurement.

    Attributes:
        solver: The solver.
        generator: The generator, in evaluation mode, on the device.
        priors: The priors by stage, in evaluation mode, on the device.
        device: The device.
    """

    solver: Solver
    generator: Generator
    priors: dict[int, Any]
    device: torch.device


def models(
    experiment: ResolvedExperiment,
    registry: Registry,
    image_shape: tuple[int, int, int] | None = None,
    make: Make = component,
) -> Models:
    """Make solver, generator and priors.

    Args:
        experiment: What names them.
        registry: Where they are looked up.
        image_shape: (C, H, W), for when there is no generator and no prior that knows it.
        make: What makes them.

    Returns:
        The objects, on the device of the experiment.

    Raises:
        InvprobError: If they cannot be made, or do not fit each other.
    """
    where = device(experiment.device)
    solver = make(registry, "solver", experiment.solver)
    priors: dict[int, Any] = {}
    if experiment.generator is not None:
        generator = make(registry, "generator", experiment.generator, device=where)
    else:
        if (pixels := _of_pixels(experiment, registry)) is not None:
            priors = {0: make(registry, "prior", pixels, None, 0, device=where)}
        known = (priors[0].image_shape if priors else None) or image_shape
        generator = Identity(told(known))
    generator = generator.to(where).eval().requires_grad_(False)
    solver.validate(generator)
    visited = solver.stages(generator)
    _check_visited(experiment, visited)
    for stage in visited:
        chosen = experiment.prior_of(stage)
        if chosen is not None and stage not in priors:
            priors[stage] = make(registry, "prior", chosen, generator, stage, device=where)
    priors = {k: prior.to(where).eval().requires_grad_(False) for k, prior in priors.items()}
    return Models(solver, generator, priors, where)


def operator(
    experiment: ResolvedExperiment,
    registry: Registry,
    shape: tuple[int, ...],
    where: torch.device,
    framing: Framing | None = None,
    picture: Tensor | None = None,
) -> Operator:
    """Make the operators, in a chain, with the noise; two of a name draw from seeds of their own.

    Args:
        experiment: What names them.
        registry: Where they are looked up.
        shape: (C, H, W) of the images.
        where: The device.
        framing: What images and masks were cropped and resized by; None: as the experiment says.
        picture: What a mask may be found in, (C, h, w), NaN where it is transparent.

    Returns:
        One operator, in float32.

    Raises:
        InvprobError: If one cannot be made for images of this shape.
    """
    chain = []
    offered = {"framing": framing or Framing.of(experiment), "picture": picture}
    for place, spec in enumerate(experiment.operator):
        again = [before.name for before in experiment.operator[:place]].count(spec.name)
        seed = seeds.key(experiment.seed, "operator", again) if again else experiment.seed
        chain.append(component(registry, "operator", spec, shape, seed, **offered))
        shape = chain[-1].out_shape
    whole = compose(chain, component(registry, "noise", experiment.noise))
    # MPS has no float64, in which operators keep their kernels for those who compute in it
    return whole.float().to(where)


def parts(
    experiment: ResolvedExperiment,
    registry: Registry,
    image_shape: tuple[int, int, int] | None = None,
    framing: Framing | None = None,
    picture: Tensor | None = None,
) -> Parts:
    """Make all objects of an experiment.

    Args:
        experiment: What names them.
        registry: Where they are looked up.
        image_shape: (C, H, W), for when there is no generator and no prior that knows it.
        framing: As in `operator`.
        picture: As in `operator`.

    Returns:
        The objects, on the device of the experiment.

    Raises:
        InvprobError: If they cannot be made, or do not fit each other.
    """
    m = models(experiment, registry, image_shape)
    A = operator(experiment, registry, m.generator.image_shape, m.device, framing, picture)
    return Parts(m.solver, m.generator, A, m.device, m.priors)


def callbacks(
    experiment: ResolvedExperiment, registry: Registry, context: CallbackContext
) -> list[Callback]:
    """Make the callbacks that an experiment names.

    Args:
        experiment: What names them.
        registry: Where they are looked up.
        context: The run that they see.

    Returns:
        The callbacks, in their order.

    Raises:
        InvprobError: If one cannot begin.
    """
    return [component(registry, "observer", spec, context) for spec in experiment.observe]


def _check_visited(experiment: ResolvedExperiment, visited: tuple[int, ...]) -> None:
    """Refuse a prior for a stage that the solver does not visit, where it would be ignored."""
    solver = experiment.solver.name
    where = f"stage{'s'[: len(visited) > 1]} {', '.join(map(str, visited))}" if visited else "none"
    for stage, spec in experiment.prior.items():
        if stage != "default" and int(stage) not in visited:
            raise Incompatible(
                f"the prior {spec.name} of stage {stage} is not used: {solver} visits {where}",
                f"leave out --prior {stage}=…, or change the stages of {solver}",
            )


def _of_pixels(experiment: ResolvedExperiment, registry: Registry) -> Spec | None:
    """The prior of stage 0, if it is one of images, which knows their shape."""
    chosen = experiment.prior_of(0)
    offers = registry.find("prior", chosen.name).component.offers if chosen else ()
    return chosen if "pixels" in offers else None
