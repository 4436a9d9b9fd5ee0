"""``invprob list``."""

from __future__ import annotations

import json

import click

from invprob.cli import completion, kinds
from invprob.config.registry import Registry, registry
from invprob.plugin import KINDS


@click.command()
@click.argument("kind", required=False, type=completion.KindType())
@click.option("--json", "as_json", is_flag=True, help="Print the components as JSON.")
def command(kind: str | None, as_json: bool) -> None:
    """List the components that plugins offer.

    KIND is solver, operator, noise, generator, prior, trainer, observer or converter; without it,
    all are listed. Two variables of the environment choose among plugins: INVPROB_PLUGINS=a,b loads
    only those, INVPROB_BLOCK=c all but that one.
    """
    found = registry()
    chosen = KINDS if kind is None else (kinds.kind(kind),)
    if as_json:
        click.echo(json.dumps(_plain(found, chosen), indent=2))
        return
    from invprob.cli import console
    from invprob.cli.console import Column

    rows = []
    for name in chosen:
        for i, entry in enumerate(found.of_kind(name)):
            c = entry.component
            rows.append((name if i == 0 else "", c.name, c.summary, entry.plugin))
    if rows:
        columns = (
            Column("kind", "bold"),
            Column("name", "cyan"),
            Column("summary", wrap=True),
            Column("plugin", "dim"),
        )
        console.table(columns, rows)
    elif not found.broken:
        what = "component" if kind is None else chosen[0]
        console.say(f"no plugin offers a {what}")
    told = (
        ("broken plugin", "reason", "red", found.broken),
        ("plugin left out", "reason", "dim", found.blocked),
        ("slow plugin", "to load its manifest", "yellow", _seconds(found)),
    )
    for title, what, style, plugins in told:
        if plugins:
            console.say()
            pair = (Column(title, style), Column(what, style, wrap=True))
            console.table(pair, sorted(plugins.items()))


def _seconds(found: Registry) -> dict[str, str]:
    return {name: f"{seconds:.1f} s" for name, seconds in found.slow.items()}


def _plain(found: Registry, chosen: tuple[str, ...]) -> dict[str, object]:
    components = [
        {
            "kind": entry.component.kind,
            "name": entry.component.name,
            "plugin": entry.plugin,
            "distribution": entry.distribution,
            "summary": entry.component.summary,
            "needs": entry.component.needs,
            "offers": entry.component.offers,
        }
        for name in chosen
        for entry in found.of_kind(name)
    ]
    return {
        "components": components,
        "broken": found.broken,
        "left_out": found.blocked,
        "slow": {name: round(seconds, 3) for name, seconds in found.slow.items()},
    }
