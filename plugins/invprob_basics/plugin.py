"""Manifest of the basic operators, noises, priors and observers."""

from __future__ import annotations

from invprob.plugin import Component, Kind, hookimpl

GROUPS = {
    "pixels": ("identity", "inpaint", "crop", "pad"),
    "resolution": ("blur", "superres"),
    "colour": ("colorize", "grey", "demosaic"),
    "transforms": ("compressed", "fourier", "hadamard", "radon", "phase"),
    "sensors": ("clip", "quantize", "jpeg"),
}
"""The operators by what they do to an image."""


def _component(
    kind: Kind, name: str, target: str, params: str, summary: str, *offers: str
) -> Component:
    groups = (group for group, names in GROUPS.items() if name in names)
    return Component(
        kind=kind,
        name=name,
        target=f"invprob_basics.{target}",
        params=f"invprob_basics.{params}",
        summary=summary,
        offers=offers,
        group=next(groups, "") if kind == "operator" else "",
    )


@hookimpl
def invprob_components() -> list[Component]:
    return [
        _component(
            "operator", "identity", "identity:Identity.from_params", "params:IdentityParams",
            "The image itself; with noise, denoising.", "linear",
        ),
        _component(
            "operator", "inpaint", "inpaint:Inpaint.from_params", "params:InpaintParams",
            "Some pixels: random ones, those of a mask, or all but a box, a half or scratches.",
            "linear",
        ),
        _component(
            "operator", "superres", "superres:Superres.from_params", "params:SuperresParams",
            "A smaller image: antialiased bicubic or block averages.", "linear",
        ),
        _component(
            "operator", "blur", "blur:Blur.from_params", "params:BlurParams",
            "Convolution: Gaussian, motion, or a kernel from a file.", "linear",
        ),
        _component(
            "operator", "colorize", "colorize:Colorize.from_params", "params:ColorizeParams",
            "Luma only.", "linear",
        ),
        _component(
            "operator", "compressed",
            "compressed:Compressed.from_params", "params:CompressedParams",
            "Random projections: partial circulant or Gaussian.", "linear",
        ),
        _component(
            "operator", "grey", "grey:Grey.from_params", "imaging_params:GreyParams",
            "One value a pixel, of the weighted channels.", "linear",
        ),
        _component(
            "operator", "crop", "crop:Crop.from_params", "imaging_params:CropParams",
            "A window; what lies around it is missing.", "linear",
        ),
        _component(
            "operator", "pad", "pad:Pad.from_params", "imaging_params:PadParams",
            "The image with a black margin.", "linear",
        ),
        _component(
            "operator", "demosaic",
            "demosaic:Demosaic.from_params", "imaging_params:DemosaicParams",
            "One colour a pixel, by Bayer's pattern.", "linear",
        ),
        _component(
            "operator", "fourier", "fourier:Fourier.from_params", "imaging_params:FourierParams",
            "Some of the Fourier coefficients (MRI), by a pattern.",
            "linear",
        ),
        _component(
            "operator", "radon", "radon:Radon.from_params", "imaging_params:RadonParams",
            "Computed tomography with parallel rays.", "linear",
        ),
        _component(
            "operator", "hadamard",
            "hadamard:Hadamard.from_params", "imaging_params:HadamardParams",
            "Patterns of +1 and -1 seen by a single pixel.", "linear",
        ),
        _component(
            "operator", "clip", "clip:Clip.from_params", "sensor_params:ClipParams",
            "Saturation: what is too bright or too dark is clipped.",
        ),
        _component(
            "operator", "quantize", "quantize:Quantize.from_params", "sensor_params:QuantizeParams",
            "Rounding to 2^bits levels, with or without dither.", "linear",
        ),
        _component(
            "operator", "jpeg", "jpeg:JPEG.from_params", "sensor_params:JPEGParams",
            "JPEG: the rounded coefficients of a file.", "linear",
        ),
        _component(
            "operator", "phase", "phase:Phase.from_params", "imaging_params:PhaseParams",
            "Phase retrieval: magnitudes of Fourier coefficients.",
        ),
        _component(
            "noise", "none", "noise:NoNoise.from_params", "params:NoNoiseParams",
            "No noise.",
        ),
        _component(
            "noise", "gaussian", "noise:GaussianNoise.from_params", "params:GaussianNoiseParams",
            "Gaussian noise of standard deviation sigma, in units of [0, 1].",
        ),
        _component(
            "noise", "poisson", "noise:PoissonNoise.from_params", "params:PoissonNoiseParams",
            "Photon noise.",
        ),
        _component(
            "noise", "poisson-gaussian",
            "poisson_gaussian:PoissonGaussianNoise.from_params",
            "noise_params:PoissonGaussianNoiseParams",
            "Photon noise and the read noise of a detector.",
        ),
        _component(
            "noise", "laplace",
            "laplace:LaplaceNoise.from_params", "noise_params:LaplaceNoiseParams",
            "Noise of Laplace's distribution.",
        ),
        _component(
            "noise", "student-t",
            "student_t:StudentTNoise.from_params", "noise_params:StudentTNoiseParams",
            "Noise of Student's t-distribution, with outliers.",
        ),
        _component(
            "noise", "salt-pepper", "salt_pepper:SaltPepperNoise.from_params",
            "noise_params:SaltPepperNoiseParams",
            "Some values are replaced by black or white.",
        ),
        _component(
            "noise", "speckle",
            "speckle:SpeckleNoise.from_params", "noise_params:SpeckleNoiseParams",
            "Multiplicative noise of radar, ultrasound and laser light.",
        ),
        _component(
            "prior", "gaussian", "priors:Gaussian.from_params", "params:GaussianPriorParams",
            "Independent normal coordinates.", "log_density", "score", "proximal",
        ),
        _component(
            "prior", "sphere", "priors:Sphere.from_params", "params:SphereParams",
            "The sphere of radius √dim, code by code.", "proximal",
        ),
        _component(
            "observer", "csv", "csv_log:CSVLog", "params:CSVLogParams",
            "The figures of every step as a table.",
        ),
        _component(
            "observer", "tensorboard",
            "tensorboard_log:TensorBoardLog", "params:TensorBoardLogParams",
            "Curves and pictures of a run, for TensorBoard.",
        ),
    ]  # fmt: skip
