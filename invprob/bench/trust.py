"""Which results of a bench cannot be trusted, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from invprob.analysis import fit
from invprob.bench.tables import Line


def warnings(found: Sequence[Line]) -> list[str]:
    """Say which methods cannot be trusted.

    Args:
        found: The lines of the tables.

    Returns:
        Sentences: whose chains disagree, and whose results do not explain the measurements.
    """
    told = []
    for method in dict.fromkeys(line.method for line in found):
        mine = [line for line in found if line.method == method]
        judged = [line.values["not_converged"] for line in mine if "not_converged" in line.values]
        if share := sum(e.mean for e in judged) / max(len(judged), 1):
            told.append(
                f"{method}: chains not converged on {share:.0%} of the measurements;"
                " its spread is not that of the posterior"
            )
        keys = {"chi2_mean": "chi2_mean", "chi2_sample": "chi2_last"}
        rows = [{k: x.values[m].mean for k, m in keys.items() if m in x.values} for x in mine]
        if off := [row for row in rows if fit.warning(row)]:
            worst = fit.warning(max(off, key=lambda row: min(row.values())))
            told.append(f"{method}, {len(off)} of {len(rows)} tasks: {worst}, {fit.OR_ELSE}")
    return told
