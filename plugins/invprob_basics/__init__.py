"""Operators, noise models and elementary priors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_basics.blur import Blur
    from invprob_basics.clip import Clip
    from invprob_basics.colorize import Colorize
    from invprob_basics.compressed import Compressed
    from invprob_basics.crop import Crop
    from invprob_basics.csv_log import CSVLog
    from invprob_basics.demosaic import Demosaic
    from invprob_basics.fourier import Fourier
    from invprob_basics.grey import Grey
    from invprob_basics.hadamard import Hadamard
    from invprob_basics.identity import Identity
    from invprob_basics.inpaint import Inpaint
    from invprob_basics.jpeg import JPEG
    from invprob_basics.laplace import LaplaceNoise
    from invprob_basics.noise import GaussianNoise, NoNoise, PoissonNoise
    from invprob_basics.pad import Pad
    from invprob_basics.phase import Phase
    from invprob_basics.poisson_gaussian import PoissonGaussianNoise
    from invprob_basics.priors import Gaussian, Sphere
    from invprob_basics.quantize import Quantize
    from invprob_basics.radon import Radon
    from invprob_basics.salt_pepper import SaltPepperNoise
    from invprob_basics.speckle import SpeckleNoise
    from invprob_basics.student_t import StudentTNoise
    from invprob_basics.superres import Superres
    from invprob_basics.tensorboard_log import TensorBoardLog

__all__ = [
    "JPEG",
    "Blur",
    "CSVLog",
    "Clip",
    "Colorize",
    "Compressed",
    "Crop",
    "Demosaic",
    "Fourier",
    "Gaussian",
    "GaussianNoise",
    "Grey",
    "Hadamard",
    "Identity",
    "Inpaint",
    "LaplaceNoise",
    "NoNoise",
    "Pad",
    "Phase",
    "PoissonGaussianNoise",
    "PoissonNoise",
    "Quantize",
    "Radon",
    "SaltPepperNoise",
    "SpeckleNoise",
    "Sphere",
    "StudentTNoise",
    "Superres",
    "TensorBoardLog",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "Inpaint": "inpaint",
        "Superres": "superres",
        "Blur": "blur",
        "Colorize": "colorize",
        "Compressed": "compressed",
        "Identity": "identity",
        "Grey": "grey",
        "Crop": "crop",
        "Pad": "pad",
        "Demosaic": "demosaic",
        "Fourier": "fourier",
        "Radon": "radon",
        "Hadamard": "hadamard",
        "Clip": "clip",
        "Quantize": "quantize",
        "JPEG": "jpeg",
        "Phase": "phase",
        "NoNoise": "noise",
        "GaussianNoise": "noise",
        "PoissonNoise": "noise",
        "PoissonGaussianNoise": "poisson_gaussian",
        "SpeckleNoise": "speckle",
        "SaltPepperNoise": "salt_pepper",
        "StudentTNoise": "student_t",
        "LaplaceNoise": "laplace",
        "Gaussian": "priors",
        "Sphere": "priors",
        "CSVLog": "csv_log",
        "TensorBoardLog": "tensorboard_log",
    },
)
