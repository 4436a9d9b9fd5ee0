"""Many pictures, processes that are killed at random, and what a run folder holds in the end."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from invprob import cli
from invprob.runs.memory import Peak


def many(folder: Path, count: int, size: int = 16, mode: str = "L") -> Path:
    """Pictures of one size, each of its own brightness."""
    folder.mkdir()
    for i in range(count):
        shade = 20 + 200 * i // count
        colour = shade if mode == "L" else (shade, 255 - shade, 128)
        Image.new(mode, (size, size), colour).save(folder / f"picture-{i:04d}.png")
    return folder


def content(out: Path) -> dict[str, bytes]:
    """What a run folder holds, but for times."""
    found = {}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if path.is_dir() or path.name in (".lock", "manifest.json"):
            continue
        data = path.read_bytes()
        if path.name in ("metrics.json", "done.json"):
            table = json.loads(data)
            data = json.dumps({k: v for k, v in table.items() if k != "seconds"}).encode()
        # summary.png says how long the run took
        found[name] = b"" if path.name == "summary.png" else data
    return found


def killed_at_random(line: list[str], seconds: float) -> bool:
    """Run a command line in a process that is killed after some seconds; whether it was."""
    process = multiprocessing.get_context("fork").Process(target=_run, args=(line,))
    process.start()
    process.join(seconds)
    alive = process.is_alive()
    if alive and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert alive or process.exitcode == 0
    return alive


def _run(line: list[str]) -> None:
    torch.set_num_threads(1)
    os._exit(cli.call(line))


def killed_again_and_again(
    go_on: Callable[[], list[str]],
    finished: Callable[[], set[Path]],
    kills: int,
    longest: float,
    seed: int = 0,
) -> int:
    """Kill a command at random moments, at most so many times; what was finished must stay.

    Args:
        go_on: The command line, before each start.
        finished: The files that say what is finished.
        kills: How many times.
        longest: The longest time that a process is left alone, in seconds.
        seed: Of the moments.

    Returns:
        How many times it was killed before it came to its end.
    """
    rng, seen = random.Random(seed), set[Path]()
    for count in range(kills):
        if not killed_at_random(go_on(), rng.uniform(0, longest)):
            return count
        now = finished()
        assert seen <= now
        seen = now
    return kills


def peak(line: list[str], answer: Path) -> tuple[float, float]:
    """The peak of a command line in a process of its own, and what that had before, in MB."""
    process = multiprocessing.get_context("fork").Process(target=_peak, args=(line, answer))
    process.start()
    process.join()
    assert process.exitcode == 0
    most, before = map(float, answer.read_text().split())
    return most, before


def _peak(line: list[str], answer: Path) -> None:
    torch.set_num_threads(1)
    with Peak(torch.device("cpu")) as before:
        pass
    with Peak(torch.device("cpu")) as most:
        status = cli.call(line)
    answer.write_text(f"{most.megabytes} {before.megabytes}")
    os._exit(status)
