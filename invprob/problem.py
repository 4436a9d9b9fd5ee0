"""A problem: measurements, what measured them, an image model and its priors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from invprob import seeds
from invprob.errors import BadInput, Incompatible
from invprob.generator import Generator, Identity
from invprob.global_state.torch_state import differentiable, standard
from invprob.noise import UnknownNoise
from invprob.operator import Operator, measured
from invprob.prior import Prior


@dataclass(frozen=True)
class Problem:
    """N rows to solve side by side: B measurements × S samples, the samples of one in a row.

    `Problem.create` makes one; ``dataclasses.replace(problem, operator=other)`` swaps a component.

    Attributes:
        y: The measurement of each row, (N, *operator.out_shape).
        operator: What measured, with its noise.
        generator: The image model; `Identity` where the solver works on images.
        keys: A random key per row, a function of the seed, the measurement and the number of the
            sample, and of nothing else.
        priors: Priors by the stage whose latent they describe.
        num_samples: S, the rows that belong to one measurement.
    """

    y: Tensor
    operator: Operator
    generator: Generator
    keys: tuple[int, ...]
    priors: Mapping[int, Prior] = field(default_factory=dict)
    num_samples: int = 1

    @classmethod
    @standard()
    def create(
        cls,
        y: Tensor,
        operator: Operator,
        generator: Generator | None = None,
        priors: Mapping[int, Prior] | None = None,
        *,
        num_samples: int = 1,
        seed: int = 0,
        device: torch.device | str | None = None,
    ) -> Problem:
        """Make a problem of objects: repeat the measurements and draw a random key for each row.

        Args:
            y: A measurement (*operator.out_shape), or a batch of B, (B, *operator.out_shape).
            operator: What measured, with its noise.
            generator: The image model; None: images themselves, of the shape `operator.in_shape`.
            priors: Priors by the stage whose latent they describe; images have stage 0 where there
                is not a generator.
            num_samples: Samples (chains, restarts) per measurement, at least 1.
            seed: The seed of every draw of the solver.
            device: Where to move y and, in place, all modules; None: they stay where they are.

        Returns:
            A problem of B × `num_samples` rows.

        Raises:
            BadInput: If `y` is not a tensor of finite floats in the shape of the operator's
                measurements, holds none or what its noise cannot give, or lies far outside of what
                images in [0, 1] give; or another argument is not what is described.
            Incompatible: If shapes of y, operator and generator do not fit.
        """
        if not isinstance(y, Tensor) or not y.is_floating_point():
            kind = getattr(y, "dtype", type(y).__name__)
            raise BadInput(f"y is of type {kind}", "give a tensor of floats")
        _whole("num_samples", num_samples, 1)
        _whole("seed", seed, 0)
        sees, gives = _shapes(operator)
        y = y[None] if y.shape == gives else y
        y = y[None] if y.dim() == 0 else y
        if len(y) == 0:
            raise BadInput(f"y holds no measurement: it has the shape {tuple(y.shape)}", "give one")
        G = Identity(sees) if generator is None else generator
        priors = dict(priors or {})
        for stage, prior in priors.items():
            if not isinstance(prior, Prior):
                raise BadInput(
                    f"the prior of stage {stage} is {prior!r}, which is not a prior",
                    "give an instance of Prior, or solve(y, prior=NAME, …)",
                )
        y = differentiable(y)
        for module in (operator, G, *priors.values()):
            differentiable(module)
        if device is not None:
            y = y.to(_checked(device))
            for module in (operator, G, *priors.values()):
                module.to(device)
        keys = tuple(seeds.chain_key(seed, row, s) for row in y for s in range(num_samples))
        problem = cls(y.repeat_interleave(num_samples, 0), operator, G, keys, priors, num_samples)
        problem.check()
        return problem

    @property
    def measurements(self) -> Tensor:
        """The B measurements, (B, *operator.out_shape)."""
        return self.y[:: self.num_samples]

    def check(self) -> None:
        """Check that the components fit, e.g. after one of them was swapped.

        Raises:
            BadInput: If a measurement is not finite, holds what the noise cannot give, or lies far
                outside of what images in [0, 1] give.
            Incompatible: If shapes of y, operator and generator do not fit.
        """
        name, (sees, gives) = type(self.operator).__name__, _shapes(self.operator)
        given, made = tuple(self.y.shape[1:]), tuple(self.generator.image_shape)
        if given != gives:
            raise Incompatible(
                f"a measurement has the shape {given}, {name} gives {gives}",
                "give y as this operator measures it, with or without a batch dimension",
            )
        measured.check_numbers(self.y)
        self.operator.noise.validate(self.y)
        if made != sees:
            raise Incompatible(
                f"{name} measures images of the shape {sees}, the generator makes {made}",
                "make the operator for the images of the generator",
            )
        A, y = self.operator, self.measurements
        if not isinstance(A.noise, UnknownNoise):
            with torch.no_grad():
                clean = [torch.stack(A(x.to(y)).aminmax()) for x in measured.probes(sees)]
                measured.check_range(y, torch.stack(clean), A.noise.scale(y))

    def prior(self, stage: int, capability: type[Prior], solver: str) -> Any:
        """The prior of a stage, for a solver that needs one.

        Args:
            stage: The stage whose latent the prior describes.
            capability: The class it must be of, e.g. `invprob.prior.Score`.
            solver: The name of the solver, for the message.

        Returns:
            The prior.

        Raises:
            Incompatible: If there is none at this stage, or it lacks the capability.
        """
        prior = self.priors.get(stage)
        if not isinstance(prior, capability):
            have = type(prior).__name__ if prior is not None else "none"
            wanted = re.sub(r"\B([A-Z])", r"_\1", capability.__name__).lower()
            raise Incompatible(
                f"{solver} needs a prior with a {wanted} at stage {stage}, there is {have}",
                f"give one with --prior {stage}=NAME, or choose other stages",
            )
        return prior


def _shapes(operator: Operator) -> tuple[tuple[int, int, int], tuple[int, ...]]:
    """(of the images that an operator takes, of the measurements that it gives)."""
    name = type(operator).__name__
    try:
        channels, height, width = operator.in_shape
        return (channels, height, width), tuple(operator.out_shape)
    except (AttributeError, TypeError, ValueError):
        raise Incompatible(
            f"{name} does not say for which images it is",
            f"set in {name}: in_shape = (C, H, W), and out_shape without the batch dimension",
        ) from None


def _whole(name: str, value: object, least: int) -> None:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least:  # type: ignore[operator]
        raise BadInput(f"{name} is {value!r}", f"give a whole number, {least} or more")


def _checked(device: torch.device | str) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError):
        raise BadInput(
            f"device {str(device)!r} is not available here", "give cpu, or leave it out"
        ) from None
