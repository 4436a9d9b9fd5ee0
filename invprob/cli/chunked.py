"""Running an experiment of many pictures before the user's eyes, chunk after chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invprob.cli import chunked_report, execute, progress
from invprob.errors import BadInput, BadParams

if TYPE_CHECKING:
    from invprob.callback import CallbackContext, OnStep
    from invprob.cli.meter import Meter
    from invprob.config.experiment import ResolvedExperiment
    from invprob.plots.vector import Format
    from invprob.runs.chunks import Chunks
    from invprob.runs.session import MakeCallbacks
    from invprob.solver import Progress


@dataclass(frozen=True)
class Place:
    """How much is solved at a time, and by whom.

    Attributes:
        batch: Rows, as in `invprob.runs.chunk_size.choose`.
        workers: Processes that are started here; None: this one alone.
        scheduler: The address of a running dask scheduler, or None.
    """

    batch: int | None
    workers: int | None
    scheduler: str | None

    def check(self) -> None:
        """Refuse two places at once."""
        if self.workers is not None and self.scheduler is not None:
            raise BadParams("--workers and --scheduler are given at once", "keep one of them")

    def check_alone(self) -> None:
        """Refuse to share out a run that is one batch."""
        if self.shared:
            name = "--scheduler" if self.scheduler is not None else "--workers"
            raise BadParams(
                f"{name} is given, and this run is one batch, which is solved in this process",
                f"leave out {name}",
            )

    @property
    def shared(self) -> bool:
        """Whether others than this process solve."""
        return self.workers is not None or self.scheduler is not None


def solve(
    experiment: ResolvedExperiment,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    place: Place,
    plots: Format | None = None,
) -> None:
    """Solve an experiment and report; as one batch where it is small, else in chunks.

    Args:
        experiment: What to solve.
        out: The run folder; None: a dated one under ``runs/``.
        quiet: Whether to print nothing.
        as_json: Whether to print the results as JSON.
        place: How much is solved at a time, and by whom.
        plots: A format in which the plots are written besides PNG.

    Raises:
        InvprobError: If the input cannot be used.
        Stopped: On Ctrl-C; the run so far is kept.
    """
    from invprob.cli.meter import Meter
    from invprob.config import input_files, process
    from invprob.config.registry import registry

    place.check()
    input_files.check(experiment, registry())
    with Meter(quiet) as meter:
        meter.busy("loading PyTorch and the models …")
        with process.loading():
            from invprob.runs import chunk_plan, folder, many

        made = (place.batch, place.workers, place.scheduler)
        chunks = chunk_plan.cut(experiment, registry(), *made)
        if chunks is not None:
            _refuse(plots)
            where = out or folder.claim_default(experiment)
            chunks = chunks.in_folder(where)
            try:
                with many.begun(chunks) as chunks:
                    table = _go(chunks, meter, place)
            finally:
                if out is None:
                    folder.release(where)
    if chunks is None:
        place.check_alone()
        execute.solve(experiment, out, quiet, as_json, plots)
    else:
        chunked_report.report(chunks, table, quiet, as_json)


def _refuse(plots: Format | None) -> None:
    """Refuse plots in other formats, which are made of a whole run."""
    if plots:
        raise BadInput(
            f"--plots {plots} is for a run that is solved as one batch, and this one has chunks",
            "add --batch 0, if memory allows, or leave out --plots",
        )


def resume(
    out: Path, quiet: bool, as_json: bool, place: Place, plots: Format | None = None
) -> None:
    """Go on with the run of a folder and report.

    Args:
        out: The run folder.
        quiet: Whether to print nothing.
        as_json: Whether to print the results as JSON.
        place: Who solves the chunks that are left.
        plots: A format in which the plots are written besides PNG.

    Raises:
        InvprobError: If the folder cannot be resumed.
        Stopped: On Ctrl-C; the run so far is kept.
    """
    place.check()
    if not (out / "chunks.json").is_file():
        place.check_alone()
        execute.resume(out, quiet, as_json, plots)
        return
    _refuse(plots)
    from invprob.cli.meter import Meter
    from invprob.config import process
    from invprob.config.registry import registry
    from invprob.io import lock

    with Meter(quiet) as meter:
        meter.busy("loading PyTorch and the models …")
        with process.loading():
            from invprob.runs import many
        with lock.only(out):
            chunks = many.reopened(registry(), out)
            table = _go(chunks, meter, place)
    chunked_report.report(chunks, table, quiet, as_json)


def _go(chunks: Chunks, meter: Meter, place: Place) -> dict[str, Any]:
    """Solve the chunks that are left, and write the table."""
    from invprob.io import chunked

    if not chunked.left(chunks):
        meter.say("this run is finished; its table is written anew")
    label, go_on = type(chunks.parts.solver).__name__, execute.go_on(chunks.out)
    progress.follow(chunks, _solved(chunks, meter, place), meter, label, str(chunks.out), go_on)
    return chunks.finish()


def _solved(chunks: Chunks, meter: Meter, place: Place) -> Iterable[tuple[int, str]]:
    """The number of each chunk when it has ended, and why it is not finished, or nothing."""
    from invprob.io import chunked

    if place.shared:
        from invprob.runs import chunk_workers

        ended = chunk_workers.solve(chunks, chunked.left(chunks), place.workers, place.scheduler)
    else:
        ended = progress.each(chunks, lambda k, show: chunks.solve(k, _live_view(show)), meter)
    for k, reason in ended:
        if not reason:
            for text in chunks.told(k).get("notices", ()):
                meter.say(f"notice: {text}")
        yield k, reason


def _live_view(show: Callable[[int, int], None]) -> MakeCallbacks:
    def make(context: CallbackContext) -> Iterable[OnStep]:
        def step(state: Progress) -> None:
            show(state.state.step, context.total)

        return (step,)

    return make
