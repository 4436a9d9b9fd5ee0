"""Whether a result explains its measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

FAR_ABOVE_NOISE = 10.0
"""From this χ² on, residuals are over three times the noise. Of some 3,700 results of sgilo and
ilo in ``benchmarks/results``, on pictures of the kind that the models learned, 4 reach it."""

OR_ELSE = "unless the solver stopped short, or operator and noise are not those of the measurement"
"""What else a χ² far above the noise can mean."""


def warning(row: Mapping[str, Any]) -> str:
    """Judge the fit of one result.

    Args:
        row: Its metrics, with ``chi2_mean`` and ``chi2_sample`` where they are known; the lesser
            counts.

    Returns:
        A sentence where χ² is far above the noise, else an empty text.
    """
    known = [row[key] for key in ("chi2_mean", "chi2_sample") if row.get(key) is not None]
    least = min(filter(math.isfinite, known), default=0.0)
    if least < FAR_ABOVE_NOISE:
        return ""
    figure = f"{least:.0f}" if least < 1e5 else f"{least:.1e}"
    return f"χ² {figure}: this model cannot show this picture"
