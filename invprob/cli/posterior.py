"""``invprob check NAME --posterior``: what a sampler gets wrong where the posterior is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from invprob.io.json_text import dumps

if TYPE_CHECKING:
    from invprob.validation.runner import Validation

FAILED = 1
METRICS = (
    "pull", "error of means", "spread where it sees", "spread where it does not see",
    "error of weights", "coverage 80%", "SBC p", "TARP p",
)  # fmt: skip


def report(name: str, quiet: bool, as_json: bool) -> int:
    """Validate solvers and print the reports.

    Args:
        name: A plugin or a solver, with parameters or without.
        quiet: Print nothing.
        as_json: Print JSON instead of text.

    Returns:
        The exit status, 1 if a test failed.
    """
    from invprob.cli.meter import Meter

    done: list[Validation] = []
    with Meter(quiet or as_json) as meter:
        meter.busy("loading PyTorch …")
        from invprob.validation.runner import validate_all

        for validation in validate_all(name):
            done.append(validation)
            meter.busy(f"{validation.settings}: {len(done)} done …")
    if as_json:
        click.echo(dumps([_plain(v) for v in done], indent=2))
    elif not quiet:
        for validation in done:
            _say(validation)
    return FAILED if any(not v.passed for v in done) else 0


def _plain(validation: Validation) -> dict[str, Any]:
    table = {"solver": validation.solver, "settings": validation.settings, "bias": validation.bias}
    if validation.report is None:
        return {**table, "reason": validation.reason}
    report = validation.report
    found = {"task": report.task.description, "failures": report.failures}
    return {**table, **found, "metrics": report.metrics}


def _say(validation: Validation) -> None:
    from invprob.cli import console

    if validation.report is None:
        console.say(f"{validation.settings} is not validated: {validation.reason}", "yellow")
        return
    report = validation.report
    allowed = (
        f", beyond the bias of {validation.bias:g} that it declares" if validation.bias else ""
    )
    said = "; ".join(report.failures) or "nothing is found wrong"
    colour = "red" if report.failures else "green"
    console.say(f"{validation.settings}, {report.task.description}: {said}{allowed}", colour)
    shown = [(k, f"{report.metrics[k]:.3g}") for k in METRICS if k in report.metrics]
    console.say("  " + ", ".join(f"{name} {value}" for name, value in shown), "dim")
