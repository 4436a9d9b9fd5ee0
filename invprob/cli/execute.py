"""Running an experiment before the user's eyes: live view, results, what is left after Ctrl-C."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invprob.cli import faults

if TYPE_CHECKING:
    from invprob.cli.console import Meter
    from invprob.config.experiment import Experiment
    from invprob.runs.folder import Outcome
    from invprob.runs.loop import Observer
    from invprob.runs.session import Watch
    from invprob.solver import Problem, Progress, Solver


def solve(experiment: Experiment, out: Path | None, quiet: bool, as_json: bool) -> None:
    """Solve a completed experiment and report."""

    def go(watch: Watch) -> tuple[Outcome, Path]:
        from invprob.config.registry import registry
        from invprob.runs import folder, session

        where = folder.default_name(experiment) if out is None else out
        return session.solve(experiment, registry(), where, watch), where

    _watched(go, quiet, as_json)


def resume(out: Path, quiet: bool, as_json: bool) -> None:
    """Take up the run of a folder and report."""

    def go(watch: Watch) -> tuple[Outcome, Path]:
        from invprob.config.registry import registry
        from invprob.runs import session

        return session.resume(registry(), out, watch), out

    _watched(go, quiet, as_json)


def _watched(go: Callable[[Watch], tuple[Outcome, Path]], quiet: bool, as_json: bool) -> None:
    from invprob.cli import console

    with console.Meter(quiet) as meter:
        meter.busy("loading PyTorch and the models …")
        from invprob.runs import session

        try:
            outcome, out = go(_watch(meter))
        except session.Interrupted as stop:
            where = shlex.quote(str(stop.out))
            raise faults.Stopped(
                f"the run so far is kept in {stop.out}", f"go on with: invprob resume {where}"
            ) from None
    if as_json:
        print(json.dumps(summary(outcome, out), indent=2, allow_nan=False))
    elif not quiet:
        report(outcome, out)


def _watch(meter: Meter) -> Watch:
    def watch(solver: Solver, problem: Problem, first: int) -> Iterable[Observer]:
        total = solver.total(problem)
        if first >= total:
            meter.say("this run is finished; its results are written anew")
            return ()
        meter.begin(type(solver).__name__, first, total, "step")

        def observe(progress: Progress) -> None:
            done = progress.state.step
            if not meter.due(done):
                return
            figures = [f"stage {progress.info.stage}"]
            if "misfit" in progress.info.metrics:
                misfit = float(progress.info.metrics["misfit"].float().mean())
                figures.append(f"misfit {figure(misfit, 2)} (1 = noise level)")
            meter.update(done, ", ".join(figures))

        return (observe,)

    return watch


def summary(outcome: Outcome, out: Path) -> dict[str, Any]:
    """What ``--json`` prints."""
    from invprob.io.files import finite

    return {
        "out": str(out),
        "seconds": round(outcome.seconds, 3),
        "solver": outcome.experiment.solver.name,
        "returns": outcome.returns,
        "images": [finite(row) for row in outcome.rows],
    }


def figure(value: float, digits: int) -> str:
    """A number for a table; what is not known is a dash."""
    if not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}" if abs(value) < 1e5 else f"{value:.1e}"


def report(outcome: Outcome, out: Path) -> None:
    """The table of results, and where everything lies."""
    from invprob.cli import console
    from invprob.cli.console import Column

    one = "sample" if outcome.returns == "sample" else "single"
    columns = {
        "psnr_mean": ("PSNR mean", 2),
        "ssim_mean": ("SSIM mean", 3),
        "psnr_sample": (f"PSNR {one}", 2),
        "misfit_mean": ("misfit mean", 2),
        "misfit_sample": (f"misfit {one}", 2),
        "r_hat": ("R-hat", 2),
        "ess": ("ESS", 0),
    }
    columns = {key: c for key, c in columns.items() if key in outcome.rows[0]}
    rows = [
        [row["image"], *(figure(row[key], digits) for key, (_, digits) in columns.items())]
        for row in outcome.rows
    ]
    if len(rows) > 1:
        means = {key: sum(row[key] for row in outcome.rows) / len(rows) for key in columns}
        # these judge the chains of one image, and have no mean
        means |= dict.fromkeys(("r_hat", "ess"), math.nan)
        rows.append(["mean", *(figure(means[key], d) for key, (_, d) in columns.items())])
    titles = [Column("image", wrap=True)]
    titles += [Column(title, number=True) for title, _ in columns.values()]
    console.table(titles, rows, footer=int(len(outcome.rows) > 1))
    units = "misfit in units of the noise, 1 = noise level"
    if outcome.truth is not None:
        units = "PSNR in dB; " + units
    console.say(units, "dim")
    if outcome.diagnoses:
        console.say(_trust(outcome), "dim")
    console.say()
    console.say(f"{console.clock(outcome.seconds)} for {_counts(outcome)}")
    console.say(str(out), "bold")
    console.say(str(out / "summary.png"), "bold")


def _trust(outcome: Outcome) -> str:
    """Of how many images the chains converged; the reason where none could be judged."""
    from invprob.analysis.diagnostics import LEAST_CHAINS, LEAST_DRAWS

    verdicts = [found.verdict for found in outcome.diagnoses]
    if set(verdicts) == {"not assessed"}:
        needs = f"R-hat needs {LEAST_CHAINS} chains of {LEAST_DRAWS} draws"
        return f"chains not assessed ({outcome.diagnoses[0].reason}); {needs}"
    counted = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    return f"chains: {counted}; R-hat and ESS: the worst of several functionals"


def _counts(outcome: Outcome) -> str:
    images, samples = outcome.samples.shape[:2]
    of = "sample" if outcome.returns == "sample" else "estimate"
    return f"{images} image{'s'[: images > 1]} × {samples} {of}{'s'[: samples > 1]}"
