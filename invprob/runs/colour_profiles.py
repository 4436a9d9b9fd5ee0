"""The colour profiles of the photographs of a run, which their restored pictures keep.

Numbers are solved as they are stored, so the profile (ICC.1:2022) that gave them their meaning
gives it to the restored numbers too, unless the colours were converted when the picture was read.
Files that have moved since a run began are not looked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from invprob import paths
from invprob.config.experiment import ResolvedExperiment
from invprob.errors import InvprobError, shown
from invprob.io import arrays
from invprob.io.collection import ImageFile, gather

LARGEST = 4 * 2**20
"""Bytes beyond which a profile is not kept."""
SPACES = {1: b"GRAY", 3: b"RGB "}
"""What a profile says of its colours, by channels of a picture."""


def find(
    experiment: ResolvedExperiment | None, names: tuple[str, ...], channels: int
) -> tuple[dict[str, bytes], list[str]]:
    """Read the profiles of the pictures that were solved.

    Args:
        experiment: What names the pictures; None where they were given in memory.
        names: The names of the measurements.
        channels: Channels of the restored pictures, 1 or 3.

    Returns:
        Profiles by name; and a sentence for each that cannot be kept.
    """
    found: dict[str, bytes] = {}
    notices = []
    for name, file in _files(experiment, names):
        try:
            data = file.profile()
        except InvprobError as error:
            notices.append(f"the restored picture may lack a colour profile: {error.message}")
            continue
        if data is None:
            continue
        space = data[16:20]
        if not 128 <= len(data) <= LARGEST or data[36:40] != b"acsp":
            notices.append(f"the colour profile of {file.name} is damaged, and is left out")
        elif space != SPACES[channels]:
            was, now = (s.decode("ascii", "replace").strip() for s in (space, SPACES[channels]))
            notices.append(
                f"{file.name} has a colour profile for {shown(was)}, and its colours were converted"
                f" to {now} by a plain formula, so the restored picture has no profile"
            )
        else:
            found[name] = data
    return found, notices


def _files(
    experiment: ResolvedExperiment | None, names: tuple[str, ...]
) -> Iterator[tuple[str, ImageFile]]:
    """The file of each measurement that was read from a picture."""
    if experiment is None:
        return
    if experiment.measurement is not None:
        path = paths.expand(experiment.measurement)
        if len(names) == 1 and path.is_file() and not arrays.is_array(path):
            yield names[0], ImageFile(path.name, path)
        return
    try:
        files = {file.name: file for file in gather(experiment.images)}
    except InvprobError:
        return
    yield from ((name, files[name]) for name in names if name in files)
