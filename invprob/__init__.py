"""Inverse problems with deep generative priors: generators, priors, operators and solvers.

``invprob.solve`` is all that most scripts need; importing invprob imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invprob._version import __version__

if TYPE_CHECKING:
    from invprob.api import Solution, compose, resume, samples, solve

__all__ = ["Solution", "__version__", "compose", "resume", "samples", "solve"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'invprob' has no attribute {name!r}")
    from invprob import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
