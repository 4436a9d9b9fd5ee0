"""Score-guided intermediate layer optimization (Daras et al., 2022, arXiv:2206.09104)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.plugin import exports

if TYPE_CHECKING:
    from invprob_sgilo.published.score_prior import PublishedScore
    from invprob_sgilo.score.prior import LatentScore
    from invprob_sgilo.solvers.released import Released
    from invprob_sgilo.solvers.sgilo import SGILO
    from invprob_sgilo.stylegan2.generator import StyleGAN2

__all__ = ["SGILO", "LatentScore", "PublishedScore", "Released", "StyleGAN2"]

__getattr__, __dir__ = exports(
    __name__,
    {
        "SGILO": "solvers.sgilo",
        "Released": "solvers.released",
        "StyleGAN2": "stylegan2.generator",
        "LatentScore": "score.prior",
        "PublishedScore": "published.score_prior",
    },
)
