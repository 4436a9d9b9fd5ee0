"""Running an experiment before the user's eyes: live view, results, what is left after Ctrl-C."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invprob.cli import faults, streams
from invprob.errors import Diverged
from invprob.io.json_text import dumps

if TYPE_CHECKING:
    from invprob.callback import CallbackContext, OnStep
    from invprob.cli.meter import Meter
    from invprob.config.experiment import ResolvedExperiment
    from invprob.plots.vector import Format
    from invprob.runs.session import MakeCallbacks
    from invprob.runs.solution import Solution
    from invprob.solver import Progress


def solve(
    experiment: ResolvedExperiment,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    plots: Format | None = None,
) -> None:
    """Solve an experiment and report.

    Args:
        experiment: What to solve.
        out: The run folder; None: a dated one under ``runs/``.
        quiet: Whether to print nothing.
        as_json: Whether to print the results as JSON.
        plots: A format in which the plots are written besides PNG.

    Raises:
        Stopped: On Ctrl-C; the run so far is kept.
    """

    from invprob.config import input_files
    from invprob.config.registry import registry

    input_files.check(experiment, registry())

    def go(callbacks: MakeCallbacks) -> tuple[Solution, Path]:
        from invprob.runs import folder, session

        if out is not None:
            return session.solve(experiment, registry(), out, callbacks), out
        where = folder.claim_default(experiment)
        try:
            return session.solve(experiment, registry(), where, callbacks), where
        finally:
            folder.release(where)

    _shown(go, quiet, as_json, plots)


def resume(out: Path, quiet: bool, as_json: bool, plots: Format | None = None) -> None:
    """Go on with the run of a folder and report.

    Args:
        out: The run folder.
        quiet: Whether to print nothing.
        as_json: Whether to print the results as JSON.
        plots: A format in which the plots are written besides PNG.

    Raises:
        Stopped: On Ctrl-C; the run so far is kept.
    """

    def go(callbacks: MakeCallbacks) -> tuple[Solution, Path]:
        from invprob.config.registry import registry
        from invprob.runs import session

        return session.resume(registry(), out, callbacks), out

    _shown(go, quiet, as_json, plots)


def _shown(
    go: Callable[[MakeCallbacks], tuple[Solution, Path]],
    quiet: bool,
    as_json: bool,
    plots: Format | None,
) -> None:
    from invprob.cli import console
    from invprob.cli.meter import Meter
    from invprob.config import process

    lost: Diverged | None = None
    with Meter(quiet) as meter:
        meter.busy("loading PyTorch and the models …")
        with process.loading():
            from invprob.runs import pictures, session

        try:
            solution, out = go(_live_view(meter))
        except session.Interrupted as stop:
            raise faults.Stopped(f"the run so far is kept in {stop.out}", go_on(stop.out)) from None
        except Diverged as error:
            if error.solution is None:
                raise
            lost, solution, out = error, error.solution, error.solution.out
    for text in solution.notices:
        streams.notice(text)
    drawn = pictures.vector(out, solution, plots) if plots else []
    if as_json:
        print(dumps(summary(solution, out), indent=2))
    elif not quiet:
        report(solution, out)
        for path in drawn:
            console.say(str(path), "bold")
    if lost is not None:
        raise lost


def go_on(out: Path) -> str:
    """Say how a run is continued.

    Args:
        out: Its folder.

    Returns:
        A hint.
    """
    return f"continue with: invprob resume {shlex.quote(str(out))}"


def _live_view(meter: Meter) -> MakeCallbacks:
    def make(context: CallbackContext) -> Iterable[OnStep]:
        if context.first >= context.total:
            meter.say("this run is finished; its results are written anew")
            return ()
        meter.begin(type(context.solver).__name__, context.first, context.total, "step")

        def show(progress: Progress) -> None:
            done = progress.state.step
            if not meter.due(done):
                return
            words = [f"stage {progress.info.stage}"]
            if "chi2" in progress.info.metrics:
                chi2 = float(progress.info.metrics["chi2"].float().mean())
                words.append(f"χ² {figure(chi2, 2)} (1 = noise level)")
            meter.update(done, ", ".join(words))

        return (show,)

    return make


def summary(solution: Solution, out: Path) -> dict[str, Any]:
    """What ``--json`` prints.

    Args:
        solution: What a run came to.
        out: Its folder.

    Returns:
        What JSON can hold.
    """
    from invprob.io.json_text import finite

    return {
        "out": str(out),
        "seconds": round(solution.seconds, 3),
        "solver": solution.title,
        "returns": solution.returns,
        "complete": solution.complete,
        "images": [finite(row) for row in solution.metrics],
    }


def figure(value: float, digits: int) -> str:
    """Format a number for a table.

    Args:
        value: The number; NaN and infinity are a dash.
        digits: Digits after the point.

    Returns:
        The text.
    """
    if not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}" if abs(value) < 1e5 else f"{value:.1e}"


def report(solution: Solution, out: Path) -> None:
    """Print the table of results, and where everything lies.

    Args:
        solution: What a run came to.
        out: Its folder.
    """
    from invprob.cli import chains, console, misfits
    from invprob.cli.console import Column

    one = "sample" if solution.returns == "sample" else "single"
    columns = {
        "psnr_mean": ("PSNR mean", 2),
        "ssim_mean": ("SSIM mean", 3),
        "psnr_sample": (f"PSNR {one}", 2),
        "psnr_aligned_mean": ("aligned mean", 2),
        "psnr_aligned_sample": (f"aligned {one}", 2),
        "chi2_mean": ("χ² mean", 2),
        "chi2_sample": (f"χ² {one}", 2),
        "stuck": ("stuck", 0),
        "undecided": ("undecided", 2),
        "r_hat": ("R-hat", 2),
        "ess": ("ESS", 0),
    }
    if one == "single" and solution.samples.shape[1] == 1:
        # an estimate alone is its own mean
        columns = {
            "psnr_mean": ("PSNR", 2),
            "psnr_aligned_mean": ("aligned", 2),
            "ssim_mean": ("SSIM", 3),
            "chi2_mean": ("χ²", 2),
        }
    columns = {key: c for key, c in columns.items() if key in solution.metrics[0]}
    for key in ("stuck", "undecided"):
        # a column of nothing says nothing
        if not any(row.get(key, 0) > 0 for row in solution.metrics):
            columns.pop(key, None)
    rows = [
        [row["image"], *(figure(row[key], digits) for key, (_, digits) in columns.items())]
        for row in solution.metrics
    ]
    if len(rows) > 1:
        means = {key: sum(row[key] for row in solution.metrics) / len(rows) for key in columns}
        # these judge the chains of one image, and have no mean
        means |= dict.fromkeys(("stuck", "undecided", "r_hat", "ess"), math.nan)
        rows.append(["mean", *(figure(means[key], d) for key, (_, d) in columns.items())])
    titles = [Column("image", wrap=True)]
    titles += [Column(title, number=True) for title, _ in columns.values()]
    console.table(titles, rows, footer=int(len(solution.metrics) > 1))
    units = "χ² in units of the noise, 1 = noise level"
    if solution.truth is not None:
        units = "PSNR in dB; " + units
    if "psnr_aligned_mean" in columns:
        units += "; aligned: PSNR up to turns by 180° and shifts"
    console.say(units, "dim")
    if solution.diagnostics:
        console.say(chains.verdict(solution), "dim")
    misfits.say(solution.metrics)
    for line in chains.doubts(solution):
        console.say(line, "yellow")
    console.say()
    if not solution.complete and not solution.diverged:
        console.say(f"stopped by a callback after step {solution.steps}; {go_on(out)}")
    console.say(f"{console.clock(solution.seconds)} for {_counts(solution)}")
    if solution.truth is None:
        restored = "restored.png" if len(solution.names) == 1 else "restored"
        console.say(str(out / restored), "bold")
    console.say(str(out), "bold")
    console.say(str(out / "summary.png"), "bold")


def _counts(solution: Solution) -> str:
    images, samples = solution.samples.shape[:2]
    of = "sample" if solution.returns == "sample" else "estimate"
    return f"{images} image{'s'[: images > 1]} × {samples} {of}{'s'[: samples > 1]}"
