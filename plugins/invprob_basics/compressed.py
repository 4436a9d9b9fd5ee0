"""Compressed sensing: m random projections of the n image values, rows of unit norm on average.

So a noise level means the same as for pixels, whatever m and n are.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from invprob import seeds
from invprob.errors import BadParams
from invprob.operator import LinearOperator
from invprob_basics.params import CompressedParams

LARGEST = 2 * 2**30


def compressed(
    params: CompressedParams, in_shape: tuple[int, int, int], seed: int
) -> LinearOperator:
    """The operator that the parameters ask for."""
    n = math.prod(in_shape)
    m = params.m if params.m is not None else round(params.ratio * n) if params.ratio else 0
    if not 1 <= m <= n:
        raise BadParams(
            f"{m} measurements of {n} image values", f"give m from 1 to {n}, or a ratio up to 1"
        )
    return {"circulant": Circulant, "gaussian": Gaussian}[params.matrix](m, in_shape, seed)


class Gaussian(LinearOperator):
    """A(x) = M x with independent entries from N(0, 1/n)."""

    matrix: Tensor

    def __init__(self, m: int, in_shape: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        n = math.prod(in_shape)
        if 4 * m * n > LARGEST:
            raise BadParams(
                f"a Gaussian matrix of {m}×{n} takes {4 * m * n / 2**30:.1f} GiB",
                "use matrix=circulant, which takes none",
            )
        self.in_shape, self.out_shape = in_shape, (m,)
        matrix = torch.randn(m, n, generator=seeds.stream(seed, "gaussian"))
        self.register_buffer("matrix", matrix / math.sqrt(n))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.matrix.to(x.dtype).T

    def adjoint(self, y: Tensor) -> Tensor:
        x: Tensor = (y @ self.matrix.to(y.dtype)).reshape(-1, *self.in_shape)
        return x

    def pinv(self, y: Tensor) -> Tensor:
        solved: Tensor = torch.linalg.lstsq(self.matrix.to(y.dtype), y.T).solution
        return solved.T.reshape(-1, *self.in_shape)


class Circulant(LinearOperator):
    """A(x) = (ifft(fft(σ ⊙ x) ⊙ fft(f)))_Ω / √n: random signs σ, filter f ~ N(0, I), rows Ω.

    The partial circulant matrix of Daras et al., 2021, arXiv:2102.07364, with rows of unit norm.
    """

    signs: Tensor
    transfer: Tensor
    rows: Tensor

    def __init__(self, m: int, in_shape: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        n = math.prod(in_shape)
        rng = seeds.stream(seed, "circulant")
        self.in_shape, self.out_shape = in_shape, (m,)
        signs = torch.randint(0, 2, (n,), generator=rng).double() * 2 - 1
        filter = torch.randn(n, generator=rng, dtype=torch.float64) / math.sqrt(n)
        self.register_buffer("signs", signs)
        self.register_buffer("transfer", torch.view_as_real(torch.fft.fft(filter)))
        self.register_buffer("rows", torch.randperm(n, generator=rng)[:m])

    def _transfer(self, like: Tensor) -> Tensor:
        return torch.view_as_complex(self.transfer.to(like.dtype).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.fft(x.flatten(1) * self.signs.to(x.dtype)) * self._transfer(x)
        y: Tensor = torch.fft.ifft(spectrum).real[:, self.rows]
        return y

    def adjoint(self, y: Tensor) -> Tensor:
        spread = y.new_zeros(len(y), len(self.signs))
        spread[:, self.rows] = y
        back = torch.fft.ifft(torch.fft.fft(spread) * self._transfer(y).conj()).real
        x: Tensor = (back * self.signs.to(y.dtype)).reshape(-1, *self.in_shape)
        return x
