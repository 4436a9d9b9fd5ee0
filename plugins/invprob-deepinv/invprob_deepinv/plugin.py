"""Manifest of the components that deepinv makes."""

from __future__ import annotations

from invprob.plugin import Component, hookimpl

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


@hookimpl
def invprob_components() -> list[Component]:
    return [
        Component(
            kind="operator",
            name=name,
            target=f"invprob_deepinv.physics:{name.replace('-', '_')}",
            params=f"invprob_deepinv.operator_params:{params}",
            summary=f"{summary[:-1]} (deepinv).",
            offers=offers,
        )
        for table, offers in ((LINEAR, ("linear",)), (GENERAL, ()))
        for name, (params, summary) in table.items()
    ]
