"""``invprob check``: the conformance kit without pytest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from invprob.cli import completion, options
from invprob.io.json_text import dumps

if TYPE_CHECKING:
    from invprob.testing import Trial, TrialResult

    Done = tuple[Trial, TrialResult]

EXAMPLES = """\b
Examples:
  invprob check my-plugin
  invprob check solver.sgilo
  invprob check pixel-diffusion:weights=my-model/
  invprob check sgilo:t_end=0.001,metropolis=density --posterior
"""

FAILED = 1

FEW = 3
"""As many names of skipped checks are listed."""


@click.command(epilog=EXAMPLES)
@click.argument("name", type=completion.ComponentType())
@click.argument("component", required=False, metavar="")
@click.option(
    "--posterior",
    is_flag=True,
    help="Validate solvers that sample on problems whose posterior is known; takes minutes.",
)
@options.speech
def command(name: str, component: str | None, posterior: bool, quiet: bool, as_json: bool) -> int:
    """Check that a plugin follows the rules.

    What it breaks is said, and how to mend it. NAME is a plugin's, or a component's with the
    parameters to try it with; without parameters the examples of its parameter model are tried.
    The exit status is 1 if a check fails. The same checks run in pytest: see
    invprob.testing.conformance.
    """
    from invprob.cli import kinds
    from invprob.cli.meter import Meter

    if component is not None:
        name = f"{kinds.kind(name)}.{component}"
    if posterior:
        from invprob.cli import posterior as validation

        return validation.report(name, quiet, as_json)
    with Meter(quiet or as_json) as meter:
        meter.busy("loading PyTorch …")
        from invprob.testing import trials

        found = trials(name)
        meter.begin(name, 0, len(found), "check")
        done: list[Done] = []
        for i, trial in enumerate(found):
            if meter.due(i):
                meter.update(i, trial.name)
            done.append((trial, trial.run()))
    if as_json:
        click.echo(dumps([_plain(*one) for one in done], indent=2))
    elif quiet:
        _failures(done)
    else:
        _report(done)
    return FAILED if any(result.status == "failed" for _, result in done) else 0


def _plain(trial: Trial, result: TrialResult) -> dict[str, str]:
    return {
        "target": trial.target,
        "check": trial.name,
        "status": result.status,
        "rule": trial.check.advice,
        "seen": result.seen,
    }


def _report(done: Sequence[Done]) -> None:
    from invprob.cli import console
    from invprob.cli.console import Column

    columns = [Column("checked", "cyan")]
    columns += [Column(word, number=True) for word in ("passed", "failed", "skipped")]
    targets = list(dict.fromkeys(trial.target for trial, _ in done))
    console.table(columns, [(s, *map(_count, _counts(done, s))) for s in targets])
    skipped: dict[str, list[str]] = {}
    for trial, result in done:
        if result.status == "skipped":
            skipped.setdefault(result.seen, []).append(trial.name)
    _failures(done)
    if skipped:
        console.say()
    for reason, names in skipped.items():
        which = ", ".join(names) if len(names) <= FEW else f"{len(names)} checks, {names[0]} first"
        console.say(f"skipped: {which}: {reason}", "dim")
    statuses = [result.status for _, result in done]
    console.say()
    if "failed" in statuses:
        console.say(f"{statuses.count('failed')} of {len(done)} checks failed", "bold red")
    else:
        console.say(f"{statuses.count('passed')} checks passed", "bold green")


def _failures(done: Sequence[Done]) -> None:
    from invprob.cli import console

    for trial, result in done:
        if result.status == "failed":
            console.say()
            console.say(f"failed: {trial.name}", "bold red")
            console.say(f"  {trial.check.advice}")
            console.say(f"  seen: {result.seen}", "red")


def _counts(done: Sequence[Done], target: str) -> tuple[int, int, int]:
    """How many checks of a target passed, failed and were skipped."""
    statuses = [result.status for trial, result in done if trial.target == target]
    return statuses.count("passed"), statuses.count("failed"), statuses.count("skipped")


def _count(number: int) -> str:
    return str(number) if number else ""
