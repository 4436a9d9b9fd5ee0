"""Running an experiment of many pictures before the user's eyes, chunk after chunk."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invprob.cli import execute, faults
from invprob.errors import BadInput, Diverged
from invprob.io.json_text import dumps

if TYPE_CHECKING:
    from invprob.callback import CallbackContext, OnStep
    from invprob.cli.meter import Meter
    from invprob.config.experiment import ResolvedExperiment
    from invprob.runs.chunks import Chunks
    from invprob.runs.session import MakeCallbacks
    from invprob.solver import Progress

MOST_ROWS = 16
"""A table of more pictures is not printed, but what is true of all of them."""


def solve(
    experiment: ResolvedExperiment,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    batch: int | None,
) -> None:
    """Solve an experiment and report; as one batch where it is small, else in chunks.

    Args:
        experiment: What to solve.
        out: The run folder; None: a dated one under ``runs/``.
        quiet: Whether to print nothing.
        as_json: Whether to print the results as JSON.
        batch: As in `invprob.runs.chunk_size.choose`.

    Raises:
        InvprobError: If the input cannot be used.
        Stopped: On Ctrl-C; the run so far is kept.
    """
    from invprob.cli.meter import Meter
    from invprob.config import input_files
    from invprob.config.registry import registry

    if experiment.measurement is not None:
        execute.solve(experiment, out, quiet, as_json)
        return
    input_files.check(experiment, registry())
    with Meter(quiet) as meter:
        meter.busy("loading PyTorch and the models …")
        from invprob.runs import folder

        chunks = _cut(experiment, batch)
        if chunks is not None:
            where = out or folder.claim_default(experiment)
            chunks = chunks.in_folder(where)
            try:
                table = _run(chunks, meter)
            finally:
                if out is None:
                    folder.release(where)
    if chunks is None:
        execute.solve(experiment, out, quiet, as_json)
    else:
        _report(chunks, table, quiet, as_json)


def resume(out: Path, quiet: bool, as_json: bool) -> None:
    """Go on with the run of a folder and report.

    Args:
        out: The run folder.
        quiet: Whether to print nothing.
        as_json: Whether to print the results as JSON.

    Raises:
        InvprobError: If the folder cannot be resumed.
        Stopped: On Ctrl-C; the run so far is kept.
    """
    if not (out / "chunks.json").is_file():
        execute.resume(out, quiet, as_json)
        return
    from invprob.cli.meter import Meter
    from invprob.config.registry import registry
    from invprob.io import lock
    from invprob.runs import chunk_plan

    with Meter(quiet) as meter:
        meter.busy("loading PyTorch and the models …")
        with lock.only(out):
            chunks = chunk_plan.reopen(registry(), out)
            table = _go(chunks, meter)
    _report(chunks, table, quiet, as_json)


def _cut(experiment: ResolvedExperiment, batch: int | None) -> Chunks | None:
    """The chunks of a run that has several."""
    from invprob.config.registry import registry
    from invprob.runs import chunk_plan, chunk_size
    from invprob.runs.chunks import Chunks

    found = chunk_plan.pictures(experiment)
    whole = Chunks(Path(), experiment, registry(), found, len(found))
    size = chunk_size.choose(whole, batch)
    if size == len(found):
        return None
    for spec in experiment.observe:
        if "path" in spec.params:
            raise BadInput(
                f"{len(found)} pictures are solved in chunks of {size}, and each would write"
                f" {spec.params['path']} of {spec.name}",
                "leave out its path, and each chunk has a file of its own",
            )
    return whole.of_size(size)


def _run(chunks: Chunks, meter: Meter) -> dict[str, Any]:
    """Begin the folder of a run and solve it."""
    from invprob.io import lock
    from invprob.runs import folder

    new = folder.claim(chunks.out)
    with lock.only(chunks.out):
        try:
            chunks.begin()
        except BaseException:
            folder.withdraw(chunks.out, new)
            raise
        return _go(chunks, meter)


def _go(chunks: Chunks, meter: Meter) -> dict[str, Any]:
    """Solve the chunks that are left, and write the table."""
    from invprob.runs.session import Interrupted

    left = chunks.left()
    total = len(chunks.files)
    have = total - sum(map(chunks.count, left))
    if not left:
        meter.say("this run is finished; its table is written anew")
    meter.begin(type(chunks.parts.solver).__name__, have, total, "picture")
    try:
        for k in left:
            chunks.solve(k, _live_view(meter, have, chunks.count(k)))
            have += chunks.count(k)
            for text in chunks.told(k).get("notices", ()):
                meter.say(f"notice: {text}")
    except (Interrupted, KeyboardInterrupt):
        raise faults.Stopped(
            f"{have} of {total} pictures are finished; the run so far is kept in {chunks.out}",
            execute.go_on(chunks.out),
        ) from None
    return chunks.finish()


def _live_view(meter: Meter, have: int, count: int) -> MakeCallbacks:
    def make(context: CallbackContext) -> Iterable[OnStep]:
        def show(progress: Progress) -> None:
            step = progress.state.step
            done = have + count * step // context.total
            if meter.due(done):
                meter.update(done, f"{count} pictures at step {step}/{context.total}")

        return (show,)

    return make


def _report(chunks: Chunks, table: dict[str, Any], quiet: bool, as_json: bool) -> None:
    """Print what all pictures came to, and where everything lies."""
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
    from invprob.cli import console
    from invprob.cli.console import Column

    rows, samples = table["images"], chunks.experiment.samples
    titles = {
        "psnr_mean": ("PSNR mean", 2),
        "ssim_mean": ("SSIM mean", 3),
        "psnr_sample": ("PSNR sample" if table["returns"] == "sample" else "PSNR single", 2),
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
    execute.misfits(rows)
    if stuck := sum(_number(row, "stuck") > 0 for row in rows):
        console.say(f"{stuck} pictures have chains that are stuck", "yellow")
    console.say()
    counts = f"{len(rows)} images × {samples} {table['returns']}{'s'[: samples > 1]}"
    console.say(f"{console.clock(table['seconds'])} for {counts}, in {len(chunks)} chunks")
    console.say(str(chunks.out), "bold")


def _number(row: dict[str, Any], key: str) -> float:
    value = row.get(key)
    return math.nan if value is None else float(value)
