"""``invprob check NAME --posterior``: what a sampler gets wrong where the posterior is known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from invprob.validation.runner import Hearing

FAILED = 1
FIGURES = (
    "pull", "error of means", "spread where it sees", "spread where it does not see",
    "error of weights", "coverage 80%", "SBC p", "TARP p",
)  # fmt: skip


def report(name: str, quiet: bool, as_json: bool) -> int:
    """Judge the solvers of a name and print the findings; the exit status."""
    from invprob.cli import console

    heard: list[Hearing] = []
    with console.Meter(quiet or as_json) as meter:
        meter.busy("loading PyTorch …")
        from invprob.validation.runner import hearings

        for hearing in hearings(name):
            heard.append(hearing)
            meter.busy(f"{hearing.settings}: {len(heard)} judged …")
    if as_json:
        click.echo(json.dumps([_plain(h) for h in heard], indent=2, ensure_ascii=False))
    elif not quiet:
        for hearing in heard:
            _say(hearing)
    return FAILED if any(not h.passed for h in heard) else 0


def _plain(hearing: Hearing) -> dict[str, Any]:
    table = {"solver": hearing.solver, "settings": hearing.settings, "bias": hearing.bias}
    if hearing.verdict is None:
        return {**table, "reason": hearing.reason}
    verdict = hearing.verdict
    judged = {"world": verdict.world.what, "wrong": verdict.wrong, "figures": verdict.figures}
    return {**table, **judged}


def _say(hearing: Hearing) -> None:
    from invprob.cli import console

    if hearing.verdict is None:
        console.say(f"{hearing.settings} is not judged: {hearing.reason}", "yellow")
        return
    verdict = hearing.verdict
    allowed = f", beyond the bias of {hearing.bias:g} that it declares" if hearing.bias else ""
    said = "; ".join(verdict.wrong) or "nothing is found wrong"
    colour = "red" if verdict.wrong else "green"
    console.say(f"{hearing.settings}, {verdict.world.what}: {said}{allowed}", colour)
    shown = [(k, f"{verdict.figures[k]:.3g}") for k in FIGURES if k in verdict.figures]
    console.say("  " + ", ".join(f"{name} {value}" for name, value in shown), "dim")
