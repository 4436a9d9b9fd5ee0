"""The files of a finished chunk: its pictures move up into the folder of the run."""

from __future__ import annotations

import os
from pathlib import Path

from invprob.runs import settle

RESTORED = "restored.png"


def move_up(chunk: Path, out: Path, name: str | None) -> None:
    """Move the pictures of a chunk into the folder of its run.

    Args:
        chunk: The folder of the chunk.
        out: The folder of the run.
        name: What its only picture is called among others; None where the run has one picture.
    """
    for place in (path for path in chunk.iterdir() if path.is_dir()):
        if place.name != settle.FOLDER:
            (out / place.name).mkdir(exist_ok=True)
            for picture in place.iterdir():
                os.replace(picture, out / place.name / picture.name)
            place.rmdir()
    if (alone := chunk / RESTORED).is_file():
        place = out if name is None else out / "restored"
        place.mkdir(exist_ok=True)
        os.replace(alone, place / (RESTORED if name is None else f"{name}.png"))


def sweep(chunk: Path) -> None:
    """Remove what processes that died were writing.

    Args:
        chunk: The folder of the chunk.
    """
    for part in chunk.rglob(".*.part"):
        part.unlink()
