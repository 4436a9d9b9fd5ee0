"""Operators, noise models and elementary priors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_basics.blur import Blur
    from invprob_basics.colorize import Colorize
    from invprob_basics.compressed import Compressed
    from invprob_basics.csv_log import CSVLog
    from invprob_basics.identity import Identity
    from invprob_basics.inpaint import Inpaint
    from invprob_basics.noise import GaussianNoise, NoNoise, PoissonNoise
    from invprob_basics.priors import Gaussian, Sphere
    from invprob_basics.superres import Superres
    from invprob_basics.tensorboard_log import TensorBoardLog

__all__ = [
    "Blur",
    "CSVLog",
    "Colorize",
    "Compressed",
    "Gaussian",
    "GaussianNoise",
    "Identity",
    "Inpaint",
    "NoNoise",
    "PoissonNoise",
    "Sphere",
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
        "NoNoise": "noise",
        "GaussianNoise": "noise",
        "PoissonNoise": "noise",
        "Gaussian": "priors",
        "Sphere": "priors",
        "CSVLog": "csv_log",
        "TensorBoardLog": "tensorboard_log",
    },
)
