"""Compressed sensing: m random projections of the n image values, rows of unit norm on average.

So a noise level means the same as for pixels, whatever m and n are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from invprob import seeds
from invprob.errors import BadParams
from invprob.operator import LinearOperator, Noise
from invprob.params import Configurable
from invprob_basics.params import CompressedParams

LARGEST = 2 * 2**30
"""The largest Gaussian matrix that is made, in bytes."""


class Compressed(LinearOperator, Configurable):
    """A(x) = M x for a random matrix M (m, n) of rows of unit norm on average.

    Args:
        image_shape: The shape of an image, (C, H, W), of n values.
        seed: The seed of M.
        noise: The noise of the measurement.

    Raises:
        BadParams: If a parameter is out of its range, there are more measurements than image
            values, or a Gaussian matrix takes more than 2 GiB.
    """

    params_type = CompressedParams

    def __init__(
        self,
        *,
        image_shape: Sequence[int],
        seed: int = 0,
        noise: Noise | None = None,
        **values: Any,
    ) -> None:
        super().__init__(noise)
        params = self.read(**values)
        n = math.prod(image_shape)
        m = params.m if params.m is not None else round(params.ratio * n)
        if not 1 <= m <= n:
            raise BadParams(
                f"{m} measurements of {n} image values",
                f"give m from 1 to {n}, or a ratio up to 1",
            )
        self.in_shape, self.out_shape = tuple(image_shape), (m,)
        matrix = Circulant if params.matrix == "circulant" else Gaussian
        self.matrix = matrix(m, n, seed)

    @classmethod
    def from_params(cls, params: CompressedParams, in_shape: Sequence[int], seed: int) -> Self:
        return cls(image_shape=in_shape, seed=seed, **dict(params))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.matrix(x.flatten(1))
        return y

    def adjoint(self, y: Tensor) -> Tensor:
        return self.matrix.adjoint(y).reshape(-1, *self.in_shape)

    def pinv(self, y: Tensor) -> Tensor:
        return self.matrix.pinv(y).reshape(-1, *self.in_shape)


class Gaussian(LinearOperator):
    """M with independent entries from N(0, 1/n), applied to vectors.

    Args:
        m: The length of a measurement.
        n: The length of a vector.
        seed: The seed of the entries.

    Raises:
        BadParams: If the matrix takes more than `LARGEST` bytes.
    """

    matrix: Tensor

    def __init__(self, m: int, n: int, seed: int) -> None:
        super().__init__()
        if 4 * m * n > LARGEST:
            raise BadParams(
                f"a Gaussian matrix of {m}×{n} takes {4 * m * n / 2**30:.1f} GiB",
                "use matrix=circulant, which takes none",
            )
        self.in_shape, self.out_shape = (n,), (m,)
        matrix = torch.randn(m, n, generator=seeds.stream(seed, "gaussian"))
        self.register_buffer("matrix", matrix / math.sqrt(n))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.matrix.to(x.dtype).T

    def adjoint(self, y: Tensor) -> Tensor:
        return y @ self.matrix.to(y.dtype)

    def pinv(self, y: Tensor) -> Tensor:
        solved: Tensor = torch.linalg.lstsq(self.matrix.to(y.dtype), y.T).solution
        return solved.T


class Circulant(LinearOperator):
    """M x = (ifft(fft(σ ⊙ x) ⊙ fft(f)))_Ω / √n: random signs σ, filter f ~ N(0, I), rows Ω.

    The partial circulant matrix of Daras et al., 2021, arXiv:2102.07364, with rows of unit norm.

    Args:
        m: The length of a measurement, at most n.
        n: The length of a vector.
        seed: The seed of signs, filter and rows.
    """

    signs: Tensor
    transfer: Tensor
    rows: Tensor

    def __init__(self, m: int, n: int, seed: int) -> None:
        super().__init__()
        rng = seeds.stream(seed, "circulant")
        self.in_shape, self.out_shape = (n,), (m,)
        signs = torch.randint(0, 2, (n,), generator=rng).double() * 2 - 1
        filter = torch.randn(n, generator=rng, dtype=torch.float64) / math.sqrt(n)
        self.register_buffer("signs", signs)
        self.register_buffer("transfer", torch.view_as_real(torch.fft.fft(filter)))
        self.register_buffer("rows", torch.randperm(n, generator=rng)[:m])

    def _transfer(self, like: Tensor) -> Tensor:
        """The frequencies of a real vector that are not the conjugates of others."""
        half = self.transfer[: len(self.signs) // 2 + 1]
        return torch.view_as_complex(half.to(like.dtype).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(x * self.signs.to(x.dtype)) * self._transfer(x)
        y: Tensor = torch.fft.irfft(spectrum, n=len(self.signs))[:, self.rows]
        return y

    def adjoint(self, y: Tensor) -> Tensor:
        spread = y.new_zeros(len(y), len(self.signs))
        spread[:, self.rows] = y
        spectrum = torch.fft.rfft(spread) * self._transfer(y).conj()
        x: Tensor = torch.fft.irfft(spectrum, n=len(self.signs)) * self.signs.to(y.dtype)
        return x
