"""Physics of deepinv as operators: the noise, the seed and the adjoint are ours.

The adjoint is the vector–Jacobian product of A, which is right whatever deepinv's is: that of its
spectral imaging is not (relative error 0.3 and more in double precision). Measurements that are not
pictures are vectors: the parts of a list one after the other, complex numbers as pairs, and without
the entries that no image reaches, which deepinv fills with zeros.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from invprob import seeds
from invprob.errors import BadParams
from invprob.operator import LinearOperator, Operator

Shape = tuple[int, ...]
REFUSALS = (AssertionError, ImportError, IndexError, RuntimeError, TypeError, ValueError)
"""What deepinv raises for images and parameters that it cannot use."""


class Physics(Protocol):
    """What is used of a physics of deepinv."""

    def A(self, x: Tensor, /) -> Any:
        """The noiseless measurement, a tensor or a list of them."""


Maker = Callable[[Any, Shape, torch.Generator], Any]
Factory = Callable[[Any, Shape, int], Operator]


class Measurement(Operator):
    """A physics of deepinv.

    Args:
        physics: The physics, or anything with a method A.
        in_shape: The shape of an image.
    """

    kept: Tensor

    def __init__(self, physics: Any, in_shape: Shape) -> None:
        super().__init__()
        self.physics = physics
        self.in_shape = tuple(in_shape)
        probe = torch.stack(
            [torch.rand(in_shape, generator=seeds.stream("probe", i)) for i in (0, 1)]
        )
        with torch.no_grad():
            y = self.physics.A(probe)
        reached = _flat(y).abs().sum(0) > 0
        picture = isinstance(y, Tensor) and y.dim() == 4 and y.shape[1] in (1, 3)
        self.whole = picture and not y.is_complex() and bool(reached.all())
        self.register_buffer("kept", reached.nonzero()[:, 0], persistent=False)
        self.out_shape = tuple(y.shape[1:]) if self.whole else (len(self.kept),)

    def forward(self, x: Tensor) -> Tensor:
        y = self.physics.A(x)
        if not self.whole:
            y = _flat(y)[:, self.kept]
        assert isinstance(y, Tensor)
        return y.to(x.dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Move and cast what deepinv keeps outside of parameters and buffers, too."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for part in self.physics.modules():
            for name, value in vars(part).items():
                if isinstance(value, Tensor):
                    vars(part)[name] = fn(value)
                elif isinstance(value, torch.dtype) and value.is_floating_point:
                    vars(part)[name] = fn(torch.empty(0, dtype=value)).dtype
        return self


class LinearMeasurement(Measurement, LinearOperator):
    """A linear physics of deepinv."""


class Lifted(nn.Module):
    """A physics after a map of the image, such as one to complex numbers.

    Args:
        physics: The physics.
        lift: The map.
    """

    def __init__(self, physics: Any, lift: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.physics, self.lift = physics, lift

    def A(self, x: Tensor) -> Any:
        """The noiseless measurement.

        Args:
            x: Images (B, C, H, W).

        Returns:
            What the physics gives of the lifted images.
        """
        return self.physics.A(self.lift(x))


class Separable(nn.Module):
    """A physics R x Cᵀ of images x, whose matrices R and C are found once, in double precision.

    That of imresize looks at values while it computes, which a tensor without memory has none of.

    Args:
        physics: The physics, which leaves constant images constant.
        height: Rows of an image.
        width: Columns of an image.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, physics: Any, height: int, width: int) -> None:
        super().__init__()
        across = torch.eye(height, dtype=torch.float64)[:, None, :, None].expand(-1, 1, -1, width)
        down = torch.eye(width, dtype=torch.float64)[:, None, None, :].expand(-1, 1, height, -1)
        self.register_buffer("rows", physics.A(across)[:, 0, :, 0].T)
        self.register_buffer("columns", physics.A(down)[:, 0, 0, :])

    def A(self, x: Tensor) -> Tensor:
        """The noiseless measurement.

        Args:
            x: Images (B, C, H, W).

        Returns:
            Images (B, C, h, w).
        """
        return self.rows.to(x.dtype) @ x @ self.columns.to(x.dtype)


def operator(kind: type[Measurement]) -> Callable[[Maker], Factory]:
    """Make the factory of an operator from a function that makes its physics.

    Args:
        kind: `Measurement`, or `LinearMeasurement`.

    Returns:
        The decorator. The function gets the parameters, the shape of an image and a random
        generator, and may draw from torch's global one as well, which is seeded for it.
    """

    def decorate(make: Maker) -> Factory:
        @functools.wraps(make)
        def build(params: Any, in_shape: Shape, seed: int) -> Operator:
            name = make.__name__.replace("_", "-")
            with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.manual_seed(seeds.key(seed, "deepinv"))
                try:
                    physics = make(params, tuple(in_shape), seeds.stream(seed, "deepinv", "rng"))
                    return kind(physics, in_shape)
                except REFUSALS as error:
                    said = (str(error).splitlines() or [type(error).__name__])[0]
                    raise BadParams(
                        f"{name} cannot measure images of the shape {tuple(in_shape)}: {said}",
                        f"see `invprob show operator {name}`",
                    ) from None

        return build

    return decorate


linear, general = operator(LinearMeasurement), operator(Measurement)


def _flat(y: Any) -> Tensor:
    """Measurements as real vectors, (B, n)."""
    if not isinstance(y, Tensor):
        return torch.cat([_flat(part) for part in y], 1)
    real = torch.view_as_real(y) if y.is_complex() else y
    return real.flatten(1)
