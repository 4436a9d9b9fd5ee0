"""From an experiment to objects: generator, operator, solver, problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.callback import Run, Watcher
from invprob.config.experiment import Experiment
from invprob.config.registry import Registry
from invprob.errors import BadInput, Incompatible
from invprob.generator import Generator, Identity
from invprob.operator import Operator, compose
from invprob.params import Spec
from invprob.solver import Problem, Solver


@dataclass(frozen=True)
class Parts:
    """The objects of one experiment, on their device."""

    solver: Solver
    generator: Generator
    operator: Operator
    device: torch.device
    priors: dict[int, Any]

    def problem(self, y: Tensor, samples: int, seed: int) -> Problem:
        """`samples` rows for each measurement of y (B, …); the samples of one stand in a row."""
        keys = [seeds.chain_key(seed, row, s) for row in y for s in range(samples)]
        rows = tree.repeat(y.to(self.device), samples)
        return Problem(rows, self.operator, self.generator, tuple(keys), self.priors)


def device(name: str) -> torch.device:
    """The device of that name; `auto` takes CUDA, then MPS, then the CPU."""
    have = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next((d for d in ("cuda", "mps") if have[d]), "cpu")
    if not have.get(name, True):
        raise BadInput(f"device {name!r} is not available here", "use --device auto or cpu")
    return torch.device(name)


def component(registry: Registry, kind: str, spec: Spec, *args: Any) -> Any:
    """The component of a spec, called with its parameters and what its kind gets besides."""
    entry = registry.find(kind, spec.name)
    params = entry.params().parse(spec.params, f"{kind} {spec.name}")
    return entry.load()(params, *args)


@dataclass(frozen=True)
class Models:
    """What a method brings along whatever is measured."""

    solver: Solver
    generator: Generator
    priors: dict[int, Any]
    device: torch.device


def models(
    experiment: Experiment,
    registry: Registry,
    image_shape: tuple[int, int, int] | None = None,
) -> Models:
    """Solver, generator and priors of a completed experiment.

    Without a generator, images have the shape that the prior of images knows, else `image_shape`.
    """
    where = device(experiment.device)
    solver = component(registry, "solver", experiment.solver)
    priors: dict[int, Any] = {}
    if experiment.generator is not None:
        generator = component(registry, "generator", experiment.generator)
    else:
        priors = _of_pixels(experiment, registry)
        known = priors[0].image_shape if priors else image_shape
        if known is None:
            raise Incompatible("without a generator the image size must be given", "give an image")
        generator = Identity(known)
    generator = generator.to(where).eval().requires_grad_(False)
    for stage in solver.stages(generator):
        chosen = experiment.prior_of(stage)
        if chosen is not None and stage not in priors:
            priors[stage] = component(registry, "prior", chosen, generator, stage)
    priors = {k: prior.to(where).eval().requires_grad_(False) for k, prior in priors.items()}
    return Models(solver, generator, priors, where)


def operator(
    experiment: Experiment, registry: Registry, shape: tuple[int, ...], where: torch.device
) -> Operator:
    """The operators of a completed experiment in a chain, with its noise, for images of `shape`."""
    chain = []
    for spec in experiment.operator:
        chain.append(component(registry, "operator", spec, shape, experiment.seed))
        shape = chain[-1].out_shape
    whole = compose(chain, component(registry, "noise", experiment.noise))
    # MPS has no float64, in which operators keep their kernels for those who compute in it
    return whole.float().to(where)


def parts(
    experiment: Experiment,
    registry: Registry,
    image_shape: tuple[int, int, int] | None = None,
) -> Parts:
    """The objects of a completed experiment; see `models` for `image_shape`."""
    m = models(experiment, registry, image_shape)
    A = operator(experiment, registry, m.generator.image_shape, m.device)
    return Parts(m.solver, m.generator, A, m.device, m.priors)


def watchers(experiment: Experiment, registry: Registry, run: Run) -> list[Watcher]:
    """The observers of a completed experiment, for a run of it."""
    return [component(registry, "observer", spec, run) for spec in experiment.observe]


def _of_pixels(experiment: Experiment, registry: Registry) -> dict[int, Any]:
    """The prior of stage 0, by stage, if it is one of images, which knows their shape."""
    chosen = experiment.prior_of(0)
    if chosen is None or "pixels" not in registry.find("prior", chosen.name).component.offers:
        return {}
    return {0: component(registry, "prior", chosen, None, 0)}
