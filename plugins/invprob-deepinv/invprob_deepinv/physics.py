"""The physics of deepinv, one function an operator; see `invprob_deepinv.operator`."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor

from invprob.errors import BadParams
from invprob_deepinv import operator_params as of
from invprob_deepinv.library import deepinv
from invprob_deepinv.operator import Lifted, Separable, Shape, general, linear


@linear
def inpainting(p: of.InpaintingParams, shape: Shape, rng: Generator) -> Any:
    return _physics().Inpainting(img_size=shape, mask=p.mask, pixelwise=p.pixelwise, rng=rng)


@linear
def demosaicing(p: of.DemosaicingParams, shape: Shape, rng: Generator) -> Any:
    return _physics().Demosaicing(img_size=shape)


@linear
def decolorize(p: of.DecolorizeParams, shape: Shape, rng: Generator) -> Any:
    return _physics().Decolorize(channels=shape[0], srf=p.srf)


@linear
def compressed_sensing(p: of.CompressedSensingParams, shape: Shape, rng: Generator) -> Any:
    return _physics().CompressedSensing(m=p.m, img_size=shape, rng=rng)


@linear
def structured_random(p: of.StructuredRandomParams, shape: Shape, rng: Generator) -> Any:
    return _physics().StructuredRandom(
        img_size=shape, output_size=shape, n_layers=p.layers, rng=rng
    )


@linear
def single_pixel_camera(p: of.SinglePixelParams, shape: Shape, rng: Generator) -> Any:
    return _physics().SinglePixelCamera(m=p.m, img_size=shape, ordering=p.ordering, rng=rng)


@linear
def downsampling(p: of.DownsamplingParams, shape: Shape, rng: Generator) -> Any:
    return _physics().Downsampling(
        img_size=shape, filter=p.filter, factor=p.factor, padding=p.padding
    )


@linear
def downsampling_matlab(p: of.DownsamplingMatlabParams, shape: Shape, rng: Generator) -> Any:
    resize = _physics().DownsamplingMatlab(factor=p.factor, kernel=p.kernel, padding=p.padding)
    return Separable(resize, shape[1], shape[2])


@linear
def upsampling(p: of.UpsamplingParams, shape: Shape, rng: Generator) -> Any:
    channels, height, width = shape
    size = (channels, height * p.factor, width * p.factor)
    return _physics().Upsampling(img_size=size, filter=p.filter, factor=p.factor)


@linear
def convolution(p: of.ConvolutionParams, shape: Shape, rng: Generator) -> Any:
    kernel = _physics().blur.gaussian_blur(sigma=(p.sigma, p.sigma))
    return _physics().Blur(filter=kernel, padding=p.padding)


@linear
def blur_fft(p: of.BlurFFTParams, shape: Shape, rng: Generator) -> Any:
    kernel = _physics().blur.gaussian_blur(sigma=(p.sigma, p.across), angle=p.angle)
    return _physics().BlurFFT(img_size=shape, filter=kernel)


@linear
def motion_blur(p: of.MotionBlurParams, shape: Shape, rng: Generator) -> Any:
    draw = _physics().generator.MotionBlurGenerator
    made = draw((p.size, p.size), rng=rng, l=p.length, sigma=p.spread)
    return _physics().BlurFFT(img_size=shape, filter=made.step(1)["filter"])


@linear
def diffraction_blur(p: of.DiffractionBlurParams, shape: Shape, rng: Generator) -> Any:
    draw = _physics().generator.DiffractionBlurGenerator
    size = (p.size, p.size)
    made = draw(size, rng=rng, fc=p.cutoff, max_zernike_amplitude=p.amplitude)
    return _physics().BlurFFT(img_size=shape, filter=made.step(1)["filter"])


@linear
def space_varying_blur(p: of.VaryingBlurParams, shape: Shape, rng: Generator) -> Any:
    radius = math.ceil(3 * p.largest)
    at = torch.arange(-radius, radius + 1.0)
    widths = torch.linspace(0.3, p.largest, p.count)[:, None]
    line = torch.exp(-0.5 * (at / widths) ** 2)
    line = line / line.sum(1, keepdim=True)
    kernels = (line[:, :, None] * line[:, None, :])[None, None]
    # hats whose sum is 1 at every column
    column = torch.linspace(0, p.count - 1, shape[2])
    hats = (1 - (column - torch.arange(p.count)[:, None]).abs()).clamp_min(0)
    weights = hats[None, None, :, None, :].expand(1, 1, -1, shape[1], -1).contiguous()
    if p.padding == "valid":
        weights = weights[..., : shape[1] - 2 * radius, : shape[2] - 2 * radius]
    return _physics().SpaceVaryingBlur(
        filters=kernels, multipliers=weights, padding=p.padding, mask_first=p.padding != "valid"
    )


@linear
def tiled_blur(p: of.TiledBlurParams, shape: Shape, rng: Generator) -> Any:
    draw = _physics().generator.TiledBlurGenerator
    shake = _physics().generator.MotionBlurGenerator((p.size, p.size), rng=rng)
    tiles = draw(shake, patch_size=p.patch, stride=p.stride)
    made = tiles.step(1, img_size=shape[1:])
    return _physics().TiledSpaceVaryingBlur(
        filters=made["filters"], patch_size=p.patch, stride=p.stride
    )


@linear
def tomography(p: of.TomographyParams, shape: Shape, rng: Generator) -> Any:
    _square("tomography", shape)
    return _physics().Tomography(
        angles=p.angles, img_width=shape[2], circle=p.circle, normalize=False
    )


@linear
def fan_beam(p: of.FanBeamParams, shape: Shape, rng: Generator) -> Any:
    _square("fan-beam", shape)
    return _physics().Tomography(
        angles=p.angles, img_width=shape[2], normalize=False, fan_beam=True
    )


@linear
def mri(p: of.MRIParams, shape: Shape, rng: Generator) -> Any:
    _grey("mri", shape)
    size = (2, *shape[1:])
    return Lifted(_physics().MRI(mask=_columns(p, size, rng), img_size=size), _complex_pairs)


@linear
def multicoil_mri(p: of.MultiCoilParams, shape: Shape, rng: Generator) -> Any:
    _grey("multicoil-mri", shape)
    size = (2, *shape[1:])
    coils = _coils(p.coils, *shape[1:])
    mask = _columns(p, size, rng)
    return Lifted(
        _physics().MultiCoilMRI(mask=mask, coil_maps=coils, img_size=size), _complex_pairs
    )


@linear
def cassi(p: of.SpectralImagingParams, shape: Shape, rng: Generator) -> Any:
    return _physics().CompressiveSpectralImaging(img_size=shape, mask=p.mask, mode=p.mode, rng=rng)


@linear
def unmixing(p: of.UnmixingParams, shape: Shape, rng: Generator) -> Any:
    return _physics().HyperSpectralUnmixing(E=shape[0], C=p.bands)


@linear
def pansharpen(p: of.PansharpenParams, shape: Shape, rng: Generator) -> Any:
    return _physics().Pansharpen(img_size=shape, factor=p.factor, filter=p.filter)


@general
def phase_retrieval(p: of.PhaseRetrievalParams, shape: Shape, rng: Generator) -> Any:
    # double precision throughout: the matrix is complex, which a cast of the operator leaves alone
    physics = _physics().RandomPhaseRetrieval(
        m=p.m, img_size=shape, dtype=torch.complex128, rng=rng
    )
    return Lifted(physics, lambda x: x.to(torch.complex128))


@general
def structured_phase_retrieval(p: of.StructuredPhaseParams, shape: Shape, rng: Generator) -> Any:
    return _physics().StructuredRandomPhaseRetrieval(
        img_size=shape, output_size=shape, n_layers=p.layers
    )


@general
def ptychography(p: of.PtychographyParams, shape: Shape, rng: Generator) -> Any:
    _grey("ptychography", shape)
    return _physics().Ptychography(img_size=shape)


@general
def spatial_unwrapping(p: of.SpatialUnwrappingParams, shape: Shape, rng: Generator) -> Any:
    return _physics().SpatialUnwrapping(threshold=p.threshold, mode=p.mode)


def _physics() -> Any:
    return deepinv().physics


def _square(name: str, shape: Shape) -> None:
    if shape[1] != shape[2]:
        raise BadParams(f"{name} measures square images, not {shape}", "crop or pad them first")


def _grey(name: str, shape: Shape) -> None:
    if shape[0] != 1:
        raise BadParams(f"{name} measures grey images, not {shape}", f"write grey|{name}")


def _complex_pairs(x: Tensor) -> Tensor:
    """Grey images as two channels, real and imaginary parts."""
    return torch.cat([x, torch.zeros_like(x)], 1)


def _columns(p: of.MRIParams, size: Shape, rng: Generator) -> Tensor:
    """The mask of the columns that are measured, (1, 2, H, W)."""
    made = _physics().generator
    kinds = {
        "gaussian": made.GaussianMaskGenerator,
        "uniform": made.RandomMaskGenerator,
        "equispaced": made.EquispacedMaskGenerator,
    }
    draw = kinds[p.pattern](
        size, acceleration=p.acceleration, center_fraction=p.center_fraction, rng=rng
    )
    mask: Tensor = draw.step(1)["mask"]
    return mask


def _coils(count: int, height: int, width: int) -> Tensor:
    """Sensitivities of coils on a circle, Gaussian bumps with a phase each, (1, count, H, W).

    The sum of their squares is 1 at every pixel, so that a noise level means the same as for one.
    """
    turn = 2 * math.pi * torch.arange(count) / count
    rows = torch.linspace(-1, 1, height)[None, :, None] - turn.sin()[:, None, None]
    columns = torch.linspace(-1, 1, width)[None, None, :] - turn.cos()[:, None, None]
    size = torch.exp(-0.5 * (rows**2 + columns**2))
    size = size / size.square().sum(0, keepdim=True).sqrt()
    return torch.polar(size, turn[:, None, None].expand_as(size).contiguous())[None]
