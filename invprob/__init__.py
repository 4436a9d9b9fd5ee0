"""Inverse problems with deep generative priors: generators, priors, operators and solvers.

``invprob.solve`` is all that most scripts need. Importing invprob imports no torch: names are
loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from invprob._version import __version__

if TYPE_CHECKING:
    from invprob import datasets
    from invprob.api import Solution, compose, resume, solve
    from invprob.callback import Callback, CallbackContext
    from invprob.errors import InvprobError
    from invprob.generator import Generator
    from invprob.noise import Noise
    from invprob.operator import LinearOperator, Operator
    from invprob.params import Params
    from invprob.prior import Denoiser, LogDensity, Prior, Proximal, Score
    from invprob.solver import Info, Problem, Progress, Result, Solver, State

MODULES = {
    "api": ("Solution", "compose", "resume", "solve"),
    "callback": ("Callback", "CallbackContext"),
    "errors": ("InvprobError",),
    "generator": ("Generator",),
    "noise": ("Noise",),
    "operator": ("LinearOperator", "Operator"),
    "params": ("Params",),
    "prior": ("Denoiser", "LogDensity", "Prior", "Proximal", "Score"),
    "solver": ("Info", "Problem", "Progress", "Result", "Solver", "State"),
}
"""Where the public names are."""

__all__ = [
    "Callback",
    "CallbackContext",
    "Denoiser",
    "Generator",
    "Info",
    "InvprobError",
    "LinearOperator",
    "LogDensity",
    "Noise",
    "Operator",
    "Params",
    "Prior",
    "Problem",
    "Progress",
    "Proximal",
    "Result",
    "Score",
    "Solution",
    "Solver",
    "State",
    "__version__",
    "compose",
    "datasets",
    "resume",
    "solve",
]


def __getattr__(name: str) -> Any:
    if name == "datasets":
        return importlib.import_module("invprob.datasets")
    if name == "samples":
        from invprob.errors import notify

        notify("invprob.samples is called invprob.datasets.faces now")
        return importlib.import_module("invprob.datasets").faces
    for module, names in MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f"invprob.{module}"), name)
    raise AttributeError(f"module 'invprob' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
