"""Whether chains can be trusted: rank-normalised split R-hat, effective sample sizes, MCSE.

Vehtari, Gelman, Simpson, Carpenter, Bürkner, Rank-normalization, folding, and localization: An
improved R-hat for assessing convergence of MCMC, 2021, arXiv:1903.08008; computed by arviz-stats.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from torch import Tensor

from invprob.analysis import chains
from invprob.analysis.chains import SIGNIFICANT, UNDECIDED
from invprob.analysis.draws import Drawn

R_HAT_GOOD, ESS_GOOD = 1.01, 400
"""What the paper asks for before draws are used: R-hat and both ESS must meet it."""

R_HAT_BAD = 1.05
"""Above it chains are called not converged: the variance between the halves of chains is then more
than a tenth of that within them (R-hat² ≈ 1 + between/within). The worst of 16 functionals of
independent draws rarely exceeds it from 4 chains of 60 draws on; fewer give false alarms."""

LEAST_CHAINS, LEAST_DRAWS = 2, 20

Verdict = Literal["converged", "undecided", "not converged", "not assessed"]


@dataclass(frozen=True)
class Diagnosis:
    """The convergence of the chains of one image: the worst statistics of several functionals.

    Attributes:
        verdict: Converged or not, by R-hat and ESS.
        reason: Why the chains were not assessed, else empty.
        r_hat: The highest R-hat, about 1 where chains agree.
        ess_bulk: The lowest effective sample size of the bulk, in draws.
        ess_tail: The lowest effective sample size of the 5 % and 95 % quantiles, in draws.
        mcse: The highest Monte Carlo standard error of a mean, in standard deviations.
        functionals: The statistics of each functional by name, but of those whose draws are all
            the same.
        chi2: Reduced χ² of each chain, on average over its draws.
        stuck: The chains that are stuck, counted from 0: they miss the measurement by far more than
            the best chain (`invprob.analysis.chains.stuck`).
        undecided: The part of the pixels whose R-hat is 1.1 or more; NaN where it is not known.
        r_hat_nested: The highest nested R-hat, each chain being a group (Margossian et al., 2022,
            arXiv:2110.13017).
        spread_half: The standard deviation of a pixel among the first half of the draws.
        spread: The same of all draws; if it is wider, chains have not come to rest.
        coupling: The distance of chains that share their noise, at the first and the last step
            where it is known, in units of [0, 1]; empty where no noise is shared.
    """

    verdict: Verdict
    reason: str = ""
    r_hat: float = math.nan
    ess_bulk: float = math.nan
    ess_tail: float = math.nan
    mcse: float = math.nan
    functionals: dict[str, dict[str, float]] = field(default_factory=dict)
    chi2: tuple[float, ...] = ()
    stuck: tuple[int, ...] = ()
    undecided: float = math.nan
    r_hat_nested: float = math.nan
    spread_half: float = math.nan
    spread: float = math.nan
    coupling: tuple[float, ...] = ()

    def row(self) -> dict[str, Any]:
        """Make the entries of the table of metrics.

        Returns:
            The verdict with its reason, R-hat, the lesser ESS of bulk and tail, the MCSE, how many
            chains are stuck and which part of the pixels is undecided.
        """
        return {
            "convergence": f"{self.verdict} ({self.reason})" if self.reason else self.verdict,
            "r_hat": self.r_hat,
            "ess": min(self.ess_bulk, self.ess_tail),
            "mcse": self.mcse,
            "stuck": len(self.stuck),
            "undecided": self.undecided,
        }

    @property
    def stuck_words(self) -> str:
        """Which chains are stuck, as a sentence; empty if none is."""
        if not self.stuck:
            return ""
        count, worst = len(self.stuck), sorted(self.chi2[k] for k in self.stuck)
        reach = "–".join(dict.fromkeys(f"{value:.1f}" for value in (worst[0], worst[-1])))
        free = min(value for k, value in enumerate(self.chi2) if k not in self.stuck)
        which = ", ".join(str(k + 1) for k in self.stuck)
        verb, noun = ("is", "chain") if count == 1 else ("are", "chains")
        whole = f"{count} of {len(self.chi2)} chains {verb} stuck"
        return f"{whole} (χ² {reach}, the best {free:.1f}): {noun} {which}"


def report(names: Sequence[str], drawn: Drawn, diagnoses: Sequence[Diagnosis]) -> dict[str, Any]:
    """Collect everything that is known of chains, for JSON.

    Args:
        names: The images.
        drawn: Their draws.
        diagnoses: One for each image.

    Returns:
        What JSON can hold, but for NaN and infinity.
    """
    _, count, draws, _ = drawn.values.shape
    return {
        "source": "Vehtari et al., 2021, arXiv:1903.08008, by arviz-stats",
        "converged": f"R-hat <= {R_HAT_GOOD} and ESS >= {ESS_GOOD}",
        "not converged": f"R-hat > {R_HAT_BAD}",
        "undecided": f"pixels with R-hat >= {UNDECIDED}",
        "stuck": f"chi2 above the best chain's by {SIGNIFICANT:g} standard deviations",
        "chains": count,
        "draws_per_chain": draws,
        "images": {
            name: dataclasses.asdict(found) for name, found in zip(names, diagnoses, strict=True)
        },
    }


def diagnose(values: Tensor, names: Sequence[str]) -> Diagnosis:
    """Diagnose the chains of one image (Vehtari et al., 2021, arXiv:1903.08008).

    Args:
        values: D draws of S chains, as K functionals, (S, D, K).
        names: The functionals.

    Returns:
        The diagnosis; "not assessed" below `LEAST_CHAINS` chains of `LEAST_DRAWS` draws.
    """
    count, draws = values.shape[:2]
    if count < LEAST_CHAINS:
        return Diagnosis("not assessed", "1 chain")
    if draws < LEAST_DRAWS:
        return Diagnosis("not assessed", f"{draws} draw{'s'[: draws > 1]}")
    series = values.double().permute(2, 0, 1).numpy()
    table = {name: _figures(x) for name, x in zip(names, series, strict=True) if x.max() != x.min()}
    if not table:
        return Diagnosis("not assessed", "nothing moves")
    r_hat = max(row["r_hat"] for row in table.values())
    bulk = min(row["ess_bulk"] for row in table.values())
    tail = min(row["ess_tail"] for row in table.values())
    verdict: Verdict = "undecided"
    if r_hat > R_HAT_BAD:
        verdict = "not converged"
    elif r_hat <= R_HAT_GOOD and min(bulk, tail) >= ESS_GOOD:
        verdict = "converged"
    mcse = max(row["mcse"] / row["sd"] for row in table.values())
    return Diagnosis(verdict, "", r_hat, bulk, tail, mcse, table)


def examine(drawn: Drawn, measured: int, coupling: Sequence[tuple[float, ...]]) -> list[Diagnosis]:
    """Diagnose the chains of every image.

    Args:
        drawn: The draws of B images.
        measured: How many values a measurement has, ≥ 1.
        coupling: The first and last distance of coupled chains of each image, or nothing.

    Returns:
        A diagnosis for each image.
    """
    found = []
    for i, values in enumerate(drawn.values):
        chi2 = () if drawn.chi2 is None else tuple(drawn.chi2[i].double().mean(1).tolist())
        images, known = drawn.images[i], diagnose(values, drawn.names)
        half, full = chains.spreads(images)
        nested = math.nan
        if known.functionals:
            moving = [drawn.names.index(name) for name in known.functionals]
            each = chains.nested_r_hat(values.double()[:, None, :, moving])
            nested = float(each.nan_to_num(nan=math.inf).max())
        found.append(
            dataclasses.replace(
                known,
                chi2=chi2,
                stuck=chains.stuck(chi2, measured),
                undecided=chains.undecided(chains.pixel_r_hat(images)),
                r_hat_nested=nested,
                spread_half=half,
                spread=full,
                coupling=coupling[i],
            )
        )
    return found


def _figures(x: Any) -> dict[str, float]:
    """The statistics of one functional's draws (S, D); the worst where one is not finite."""
    if not np.isfinite(x).all():
        bad = {"mean": math.nan, "sd": 1.0, "mcse": math.inf}
        return bad | {"r_hat": math.inf, "ess_bulk": 0.0, "ess_tail": 0.0}
    # SciPy's statistics take a second to import
    # before what may import matplotlib, and late, since a first step should not wait for it
    from invprob.global_state import matplotlib_state  # noqa: F401, I001

    from arviz_stats.base import array_stats as arviz

    # chains that stand still in different places have an R-hat of infinity
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "mean": float(x.mean()),
            "sd": float(x.std(ddof=1)),
            "mcse": float(arviz.mcse(x)),
            "r_hat": float(arviz.rhat(x)),
            "ess_bulk": float(arviz.ess(x, method="bulk")),
            "ess_tail": float(arviz.ess(x, method="tail", prob=(0.05, 0.95))),
        }
