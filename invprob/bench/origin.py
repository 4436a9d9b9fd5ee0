"""When, from which commit and on which machine a result was computed."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch

from invprob._version import __version__

CPUINFO = Path("/proc/cpuinfo")


def record(device: torch.device) -> dict[str, str]:
    """What stands beside the metrics of a cell that is computed now.

    Args:
        device: Where it is computed.

    Returns:
        ``date`` (UTC, YYYY-MM-DD), ``commit`` and ``machine``.
    """
    today = datetime.now(UTC).date().isoformat()
    return {"date": today, "commit": commit(), "machine": machine(device)}


@cache
def commit() -> str:
    """The commit of the checkout that invprob is imported from, or the version of an installed one.

    Returns:
        Twelve digits, with ``+ changes`` where tracked files differ from the commit.
    """
    package = Path(__file__).parents[1]
    # a virtual environment may lie inside a repository of something else
    if _git(package, "ls-files", "--error-unmatch", "_version.py") is None:
        return f"invprob {__version__}"
    head = _git(package, "rev-parse", "--short=12", "HEAD")
    changed = _git(package, "status", "--porcelain", "--untracked-files=no")
    return f"{head} + changes" if changed else str(head)


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@cache
def machine(device: torch.device) -> str:
    """The processor that computes: a name, and for CPUs how many of them this process may use.

    Args:
        device: Where is computed.

    Returns:
        For instance ``2 × Intel(R) Xeon(R) Platinum 8481C``.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    names = platform.processor() or platform.machine()
    if CPUINFO.exists():
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
        found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        names = found[0] if found else names
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{count} × {names}" + (", MPS" if device.type == "mps" else "")


def line(records: Iterable[Mapping[str, Any]]) -> str:
    """One sentence for all cells of a table.

    Args:
        records: The metrics of cells, each with what `record` returned.

    Returns:
        Dates, commits and machines, each named once.
    """
    told = list(records)

    def named(what: str) -> list[str]:
        return sorted({str(r[what]) for r in told if what in r})

    dates, commits, machines = named("date"), named("commit"), named("machine")
    if not dates:
        return "Nothing is computed yet."
    span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return (
        f"Computed {span} by {'; '.join(commits)} on {'; '.join(machines)},"
        f" torch {torch.__version__}."
    )
