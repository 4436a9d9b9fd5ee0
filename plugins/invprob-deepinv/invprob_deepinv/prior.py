"""Denoisers of deepinv as priors of images: E[x | x + σ ε], for images in [0, 1].

α = 1, and σ grows by equal factors in equal times from the least level to 1. A network is made
without weights, so that nothing is downloaded, and its file is read by our reader, which runs
nothing that stands in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from invprob.diffusion import colours
from invprob.errors import BadParams, BadWeights
from invprob.generator import Generator
from invprob.io import checksums, tensor_files
from invprob.prior import Denoiser, over_images
from invprob.weights import store
from invprob.weights.unpickle import open_tree
from invprob_deepinv import prior_params as of
from invprob_deepinv.denoising import wavelets
from invprob_deepinv.library import deepinv

T_MIN = 1e-3
UNTRAINED = "untrained"


class DeepinvDenoiser(Denoiser[Tensor]):
    """A denoiser of images (B, C, H, W) in [0, 1].

    Args:
        network: A denoiser of deepinv, or None where `denoised` needs no module.
        denoised: The denoised images, of images and the level of each, (B,).
        least: The least noise level.
        colours: 1 or 3 where the network takes only these.
    """

    t_min = T_MIN

    def __init__(
        self,
        network: nn.Module | None,
        denoised: Callable[[Tensor, Tensor], Tensor],
        least: float,
        colours: int | None = None,
    ) -> None:
        super().__init__()
        self.network, self.denoised, self.least = network, denoised, least
        self.colours = colours

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        place = ((t - T_MIN) / (1 - T_MIN)).clamp_min(0)
        sigma = self.least ** (1 - place) * (t / T_MIN).clamp(0, 1)
        return torch.ones_like(t), sigma

    def denoise(self, u: Tensor, t: Tensor) -> Tensor:
        _, sigma = self.schedule(t)
        return colours.denoised(self.denoised, u, sigma.clamp_min(self.least), self.colours)


def drunet(p: of.DRUNetParams, generator: Generator | None, stage: int) -> DeepinvDenoiser:
    """DRUNet; see `invprob.plugin.PriorFactory`."""
    over_images("drunet", generator)
    made = _quietly(
        lambda: deepinv().models.DRUNet(
            in_channels=p.colours,
            out_channels=p.colours,
            nc=p.channels,
            nb=p.blocks,
            pretrained=None,
        )
    )
    _fill(made, p)
    return DeepinvDenoiser(made, made, p.least, p.colours)


def ffdnet(p: of.FFDNetParams, generator: Generator | None, stage: int) -> DeepinvDenoiser:
    """FFDNet; see `invprob.plugin.PriorFactory`."""
    over_images("ffdnet", generator)
    made = _quietly(
        lambda: deepinv().models.FFDNet(
            n_conv_layers=p.depth, nf=p.width, img_channels=p.colours, pretrained=None
        )
    )
    _fill(made, p)
    return DeepinvDenoiser(made, made, p.least, p.colours)


def wavelet_denoiser(
    p: of.WaveletDenoiserParams, generator: Generator | None, stage: int
) -> DeepinvDenoiser:
    """Soft thresholds of wavelets; see `invprob.plugin.PriorFactory`."""
    over_images("wavelet-denoiser", generator)
    made = wavelets(p.level, p.wavelet)
    return DeepinvDenoiser(made, lambda x, sigma: made(x, ths=p.strength * sigma), p.least)


def bilateral(p: of.BilateralParams, generator: Generator | None, stage: int) -> DeepinvDenoiser:
    """The bilateral filter; see `invprob.plugin.PriorFactory`."""
    over_images("bilateral", generator)
    if p.window % 2 == 0:
        raise BadParams(f"window={p.window} is even", "give an odd number")
    made = deepinv().models.BilateralFilter()

    def denoised(x: Tensor, sigma: Tensor) -> Tensor:
        spread = p.strength * sigma
        found: Tensor = made(x, sigma_d=p.width, sigma_r=spread, window_size=p.window)
        return found

    return DeepinvDenoiser(made, denoised, p.least)


def _quietly(make: Callable[[], nn.Module]) -> nn.Module:
    """A network, whose first weights do not depend on what was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make()


def _fill(network: nn.Module, p: of.NetworkParams) -> None:
    """Read the weights of a network, unless it shall stay untrained."""
    if p.weights == UNTRAINED:
        return
    path = store.path(p.weights)
    if path is None or not path.is_file():
        raise BadWeights(f"there are no weights {p.weights!r}", store.where(p.weights, ()))
    checksums.check(path, p.sha256)
    tree = open_tree(path)
    sound = isinstance(tree, Mapping) and all(isinstance(v, Tensor) for v in tree.values())
    if not sound:
        raise BadWeights(f"{path} does not hold a table of tensors", "save its state_dict")
    tensor_files.fill(network, dict(tree), path)
