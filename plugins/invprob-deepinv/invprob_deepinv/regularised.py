"""The estimates of deepinv: total variation, wavelets, plug-and-play and RED."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor

from invprob.solver import Problem
from invprob_deepinv.denoising import denoiser, wavelets
from invprob_deepinv.library import deepinv
from invprob_deepinv.solver_params import (
    PnPParams,
    REDParams,
    TGVParams,
    TVParams,
    WaveletParams,
)
from invprob_deepinv.splitting import Splitting

LEAST = 0.005
"""The level at which a measurement without noise is denoised, in units of [0, 1]."""


class TV(Splitting):
    """Total variation by deepinv."""

    params_type = TVParams
    params: TVParams
    model: ClassVar[str] = "TVDenoiser"

    def regulariser(self, problem: Problem) -> Any:
        # a tolerance would be one of the whole batch
        made = getattr(deepinv().models, self.model)(crit=0.0, n_it_max=self.params.inner)
        return Shrinkage(lambda x, gamma: made(x, ths=gamma))


class TGV(TV):
    """Total generalised variation of second order by deepinv."""

    params_type = TGVParams
    params: TGVParams
    model = "TGVDenoiser"


class Wavelet(Splitting):
    """Sparse details of wavelets by deepinv."""

    params_type = WaveletParams
    params: WaveletParams

    def regulariser(self, problem: Problem) -> Any:
        made = wavelets(self.params.level, self.params.wavelet)
        return Shrinkage(lambda x, gamma: made(x, ths=gamma))


class PnP(Splitting):
    """Plug-and-play with a denoiser, by a splitting algorithm of deepinv."""

    params_type = PnPParams
    params: PnPParams

    def scales(self, slope: float, sigma: float) -> dict[str, float]:
        p = self.params
        level = max(sigma, LEAST) if p.sigma is None else p.sigma
        return {"stepsize": p.step_size / slope, "lambda": 1.0, "g_param": level}

    def regulariser(self, problem: Problem) -> Any:
        return deepinv().optim.PnP(denoiser=denoiser(problem, self.name))


class RED(Splitting):
    """Regularisation by denoising (Romano et al., 2017, arXiv:1611.02862), by deepinv."""

    params_type = REDParams
    params: REDParams

    @property
    def algorithm(self) -> str:
        return "gd"

    def scales(self, slope: float, sigma: float) -> dict[str, float]:
        p = self.params
        weight = p.sigma**-2 if p.weight is None else p.weight
        step_size = p.step_size / (slope + weight)
        return {"stepsize": step_size, "lambda": weight, "g_param": p.sigma}

    def regulariser(self, problem: Problem) -> Any:
        return deepinv().optim.RED(denoiser=denoiser(problem, self.name))


class Shrinkage:
    """A proximal map with the method that deepinv asks of a prior.

    Args:
        shrink: The map, of images and γ.
    """

    def __init__(self, shrink: Callable[[Tensor, float], Tensor]) -> None:
        self.shrink = shrink

    def prox(self, x: Tensor, level: float, gamma: float) -> Tensor:
        """The proximal map.

        Args:
            x: Images (B, C, H, W).
            level: Not needed.
            gamma: γ > 0.

        Returns:
            Images (B, C, H, W).
        """
        return self.shrink(x, gamma)
