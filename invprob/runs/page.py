"""The page of a result in a notebook: the summary, and the table of metrics."""

from __future__ import annotations

import base64
import html as markup
import math
from collections.abc import Sequence
from typing import Any

COLUMNS = {
    "psnr_mean": ("PSNR mean (dB)", 2),
    "ssim_mean": ("SSIM mean", 3),
    "psnr_sample": ("PSNR sample (dB)", 2),
    "psnr_aligned_mean": ("PSNR aligned, mean (dB)", 2),
    "psnr_aligned_sample": ("PSNR aligned, sample (dB)", 2),
    "chi2_mean": ("χ² mean", 2),
    "chi2_sample": ("χ² sample", 2),
    "r_hat": ("R-hat", 2),
    "ess": ("ESS", 0),
}
"""Metrics shown in notebooks, with their titles and digits."""


def html(summary: bytes, metrics: Sequence[dict[str, Any]], note: str) -> str:
    """Write the page.

    Args:
        summary: The summary, a PNG file.
        metrics: A dictionary for each measurement.
        note: A line below.

    Returns:
        HTML.
    """
    picture = base64.b64encode(summary).decode()
    shown = {key: column for key, column in COLUMNS.items() if key in metrics[0]}
    verdicts = any("convergence" in row for row in metrics)
    titles = ["image", *(title for title, _ in shown.values())]
    titles += ["chains"] if verdicts else []
    rows = []
    for row in metrics:
        cells = [str(row["image"])]
        cells += [_number(row[key], digits) for key, (_, digits) in shown.items()]
        said = [str(row.get("convergence", "")), str(row.get("stuck_chains", ""))]
        cells += ["; ".join(filter(None, said))] if verdicts else []
        rows.append(cells)
    return "".join(
        [
            f'<img alt="truth, measurement, mean, std and samples" style="max-width:100%"'
            f' src="data:image/png;base64,{picture}">',
            "<table><thead>", _row("th", titles), "</thead><tbody>",
            *(_row("td", cells) for cells in rows),
            f"</tbody></table><p>{markup.escape(note)}</p>",
        ]
    )  # fmt: skip


def _row(tag: str, cells: list[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{markup.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"
