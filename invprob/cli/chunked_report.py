"""What a run in chunks came to: a table of few pictures, what is true of all of many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from invprob.cli import execute
from invprob.errors import Diverged
from invprob.io.json_text import dumps

if TYPE_CHECKING:
    from invprob.runs.chunks import Chunks

MOST_ROWS = 16
"""A table of more pictures is not printed, but the mean of all."""


def report(chunks: Chunks, table: dict[str, Any], quiet: bool, as_json: bool) -> None:
    """Print what all pictures came to, and where everything lies.

    Args:
        chunks: The run, which is finished.
        table: What `Chunks.finish` returned.
        quiet: Whether to print nothing.
        as_json: Whether to print the results as JSON.

    Raises:
        Diverged: If a chunk has diverged.
    """
    rows, out = table["images"], chunks.out
    if as_json:
        about = {k: table[k] for k in ("seconds", "solver", "returns", "complete")}
        print(dumps({"out": str(out), **about, "images": rows}, indent=2))
    elif not quiet:
        _print(chunks, table)
    if lost := table["diverged"]:
        others = f", and {len(lost) - 1} chunks more" if len(lost) > 1 else ""
        raise Diverged(f"{lost[0]}{others}", f"the other pictures are finished: {out}")


def _print(chunks: Chunks, table: dict[str, Any]) -> None:
    from invprob.cli import console, misfits
    from invprob.cli.console import Column

    rows, samples = table["images"], chunks.experiment.samples
    titles = {
        "psnr_mean": ("PSNR mean", 2),
        "ssim_mean": ("SSIM mean", 3),
        "psnr_sample": ("PSNR sample" if table["returns"] == "sample" else "PSNR single", 2),
        "psnr_aligned_mean": ("aligned mean", 2),
        "psnr_aligned_sample": ("aligned sample", 2),
        "chi2_mean": ("χ² mean", 2),
    }
    titles = {key: title for key, title in titles.items() if any(key in row for row in rows)}

    def line(name: str, of: dict[str, float]) -> list[str]:
        return [name, *(execute.figure(of[key], digits) for key, (_, digits) in titles.items())]

    shown = []
    if len(rows) <= MOST_ROWS:
        shown = [line(row["image"], {key: _number(row, key) for key in titles}) for row in rows]
    known = {key: [v for row in rows if math.isfinite(v := _number(row, key))] for key in titles}
    means = {key: sum(v) / len(v) if v else math.nan for key, v in known.items()}
    shown.append(line(f"mean of {len(rows)}", means))
    columns = [Column("image", wrap=True), *(Column(t, number=True) for t, _ in titles.values())]
    console.table(columns, shown, footer=int(len(shown) > 1))
    console.say("PSNR in dB; χ² in units of the noise, 1 = noise level", "dim")
    misfits.say(rows)
    if stuck := sum(_number(row, "stuck") > 0 for row in rows):
        console.say(f"{stuck} pictures have chains that are stuck", "yellow")
    console.say()
    counts = f"{len(rows)} images × {samples} {table['returns']}{'s'[: samples > 1]}"
    console.say(f"{console.clock(table['seconds'])} for {counts}, in {len(chunks.cut)} chunks")
    console.say(str(chunks.out), "bold")


def _number(row: dict[str, Any], key: str) -> float:
    value = row.get(key)
    return math.nan if value is None else float(value)
