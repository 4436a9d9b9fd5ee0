"""Manifest of the components that deepinv makes."""

from __future__ import annotations

from typing import Any

from invprob.plugin import Component, Kind, hookimpl

LINEAR = {
    "inpainting": ("InpaintingParams", "Random pixels."),
    "demosaicing": ("DemosaicingParams", "A Bayer pattern of colour filters."),
    "decolorize": ("DecolorizeParams", "A weighted sum of the colours."),
    "compressed-sensing": ("CompressedSensingParams", "Random Gaussian projections."),
    "structured-random": ("StructuredRandomParams", "Random signs and sine transforms."),
    "single-pixel-camera": ("SinglePixelParams", "Patterns of Hadamard, in order of sequency."),
    "downsampling": ("DownsamplingParams", "A low-pass filter, then every n-th pixel."),
    "downsampling-matlab": ("DownsamplingMatlabParams", "A smaller picture, as of imresize."),
    "upsampling": ("UpsamplingParams", "A picture of a higher resolution."),
    "convolution": ("ConvolutionParams", "A Gaussian blur, with a choice of borders."),
    "blur-fft": ("BlurFFTParams", "A Gaussian blur of two widths, on a torus."),
    "motion-blur": ("MotionBlurParams", "The blur of a camera that shakes."),
    "diffraction-blur": ("DiffractionBlurParams", "The blur of a lens with aberrations."),
    "space-varying-blur": ("VaryingBlurParams", "A blur that widens from left to right."),
    "tiled-blur": ("TiledBlurParams", "Another camera shake in each tile."),
    "tomography": ("TomographyParams", "Line integrals along parallel rays."),
    "fan-beam": ("FanBeamParams", "Line integrals along the rays of a fan."),
    "mri": ("MRIParams", "Columns of the Fourier transform of a grey image."),
    "multicoil-mri": ("MultiCoilParams", "The same, seen by several coils."),
    "cassi": ("SpectralImagingParams", "One picture of all channels, coded and sheared."),
    "unmixing": ("UnmixingParams", "Spectra of mixtures of random materials."),
    "pansharpen": ("PansharpenParams", "A small colour picture and a large grey one."),
}
GENERAL = {
    "phase-retrieval": ("PhaseRetrievalParams", "Squared magnitudes of random projections."),
    "structured-phase-retrieval": (
        "StructuredPhaseParams",
        "Squared magnitudes after random phases and Fourier transforms.",
    ),
    "ptychography": ("PtychographyParams", "Diffraction patterns through a moving probe."),
    "spatial-unwrapping": ("SpatialUnwrappingParams", "Values modulo a threshold."),
}
ESTIMATES = {
    "deepinv-tv": ("regularised:TV", "TVParams", "Total variation."),
    "deepinv-tgv": ("regularised:TGV", "TGVParams", "Total generalised variation."),
    "deepinv-wavelet": ("regularised:Wavelet", "WaveletParams", "Sparse details of wavelets."),
}
DENOISING = {
    "deepinv-pnp": ("regularised:PnP", "PnPParams", "Plug-and-play by a splitting algorithm."),
    "deepinv-red": ("regularised:RED", "REDParams", "Regularisation by denoising."),
}
SAMPLERS = {
    "deepinv-dps": ("diffusion:DPS", "DPSParams", "Diffusion posterior sampling."),
    "deepinv-pigdm": ("diffusion:PiGDM", "InnerParams", "Pseudo-inverse guided diffusion."),
    "deepinv-moment": ("diffusion:Moment", "InnerParams", "Moment matching diffusion."),
    "deepinv-ald": ("diffusion:ALD", "DiffusionParams", "Annealed data term along a diffusion."),
}
PRIORS = {
    "drunet": ("DRUNetParams", "The denoising U-Net of DPIR, with weights of one's own."),
    "ffdnet": ("FFDNetParams", "A fast denoising network, with weights of one's own."),
    "wavelet-denoiser": ("WaveletDenoiserParams", "Soft thresholds of wavelets."),
    "bilateral": ("BilateralParams", "The bilateral filter."),
}
ONE = ("samples", "1")


@hookimpl
def invprob_components() -> list[Component]:
    return [*_operators(), *_solvers(), *_priors()]


def _component(
    kind: Kind, name: str, target: str, params: str, summary: str, **rest: Any
) -> Component:
    """A component of this package; its summary says whose it is."""
    target, params = (f"invprob_deepinv.{where}" for where in (target, params))
    return Component(kind, name, target, params, f"{summary[:-1]} (deepinv).", **rest)


def _operators() -> list[Component]:
    return [
        _component(
            "operator",
            name,
            f"physics:{name.replace('-', '_')}",
            f"operator_params:{params}",
            summary,
            offers=offers,
        )
        for table, offers in ((LINEAR, ("linear",)), (GENERAL, ()))
        for name, (params, summary) in table.items()
    ]


def _solvers() -> list[Component]:
    groups: list[tuple[dict[str, tuple[str, str, str]], bool, tuple[tuple[str, str], ...]]] = [
        (ESTIMATES, False, (ONE,)),
        (DENOISING, True, (("prior", "pnp.photo"), ONE)),
        (SAMPLERS, True, (("prior", "pnp.photo"),)),
    ]
    return [
        _component(
            "solver",
            name,
            f"{target}.from_params",
            f"solver_params:{params}",
            summary,
            needs=("prior.denoiser",) if denoising else (),
            defaults=defaults,
        )
        for table, denoising, defaults in groups
        for name, (target, params, summary) in table.items()
    ]


def _priors() -> list[Component]:
    offers = ("score", "denoiser", "pixels")
    return [
        _component(
            "prior",
            name,
            f"prior:{name.replace('-', '_')}",
            f"prior_params:{params}",
            summary,
            offers=offers,
        )
        for name, (params, summary) in PRIORS.items()
    ]
