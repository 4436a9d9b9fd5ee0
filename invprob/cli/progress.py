"""Work in chunks before the user's eyes: pictures done, their rate, and what is left on Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from invprob.cli import faults
from invprob.errors import BadInput, InvprobError

if TYPE_CHECKING:
    from invprob.cli.meter import Meter
    from invprob.io.chunked import Chunked


def follow(
    work: Chunked,
    ended: Iterable[tuple[int, str]],
    meter: Meter,
    label: str,
    kept: str,
    go_on: str,
) -> None:
    """Count the pictures of chunks as they are finished.

    Args:
        work: The work.
        ended: The number of each chunk when it has ended, and why it is not finished, or nothing.
        meter: Where it is shown.
        label: What is done with the pictures.
        kept: Where they lie, in words.
        go_on: A hint how to go on.

    Raises:
        BadInput: If a chunk could not be finished; it says how many pictures are.
        Stopped: On Ctrl-C.
    """
    from invprob.io import chunked
    from invprob.runs.interruption import Interrupted

    have, total = chunked.finished(work), work.cut.total
    meter.begin(label, have, total, "picture")
    reasons = []
    try:
        for k, reason in ended:
            if reason:
                reasons.append(reason)
                continue
            have += len(work.cut.numbers(k))
            if meter.due(have):
                meter.update(have, "")
    except (Interrupted, KeyboardInterrupt):
        raise faults.Stopped(
            f"{have} of {total} pictures are finished; the run so far is kept in {kept}", go_on
        ) from None
    except InvprobError as error:
        raise BadInput(
            f"{have} of {total} pictures are finished; {error.message}",
            f"{error.hint}; {go_on}" if error.hint else go_on,
        ) from None
    if reasons:
        raise BadInput(
            f"{have} of {total} pictures are finished; a worker says: {reasons[0]}", go_on
        )


def each(
    work: Chunked, solve: Callable[[int, Callable[[int, int], None]], None], meter: Meter
) -> Iterator[tuple[int, str]]:
    """Do the chunks that are left in this process, one after another.

    Args:
        work: The work.
        solve: Does a chunk; it is given its number, and what to call after each step with the
            number of the step and of all steps.
        meter: Where steps are shown.

    Yields:
        The number of each chunk, and no reason.
    """
    from invprob.io import chunked

    have = chunked.finished(work)
    for k in chunked.left(work):
        count = len(work.cut.numbers(k))
        solve(k, _steps(meter, have, count))
        have += count
        yield k, ""


def _steps(meter: Meter, have: int, count: int) -> Callable[[int, int], None]:
    def show(step: int, total: int) -> None:
        done = have + count * step // total
        if meter.due(done):
            pictures = f"{count} picture{'s'[: count > 1]}"
            meter.update(done, f"{pictures} at step {step}/{total}")

    return show
