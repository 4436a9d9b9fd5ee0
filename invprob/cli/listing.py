"""``invprob list``."""

from __future__ import annotations

import click

from invprob.cli import completion, kinds
from invprob.config.registry import Registry, registry
from invprob.io.json_text import dumps
from invprob.plugin import KINDS


@click.command()
@click.argument("kind", required=False, type=completion.KindType())
@click.option("--json", "as_json", is_flag=True, help="Print the components as JSON.")
def command(kind: str | None, as_json: bool) -> None:
    """List the components that plugins offer.

    KIND is solver, operator, noise, generator, prior, trainer, observer or converter; without it,
    all are listed. Operators stand in groups if they are asked for. Two variables of the
    environment choose among plugins: INVPROB_PLUGINS=a,b loads only those, INVPROB_BLOCK=c all but
    that one.
    """
    found = registry()
    chosen = KINDS if kind is None else (kinds.kind(kind),)
    if as_json:
        click.echo(dumps(_plain(found, chosen), indent=2))
        return
    from invprob.cli import console
    from invprob.cli.console import Column

    parts = {name: found.of_kind(name) for name in chosen}
    grouped = kind is not None and any(e.component.group for e in parts[chosen[0]])
    if grouped:
        parts = found.by_group(chosen[0])
    rows = []
    for name, part in parts.items():
        for i, entry in enumerate(part):
            c = entry.component
            rows.append((name if i == 0 else "", c.name, c.summary, entry.plugin))
    if rows:
        columns = (
            Column("group" if grouped else "kind", "bold"),
            Column("name", "cyan"),
            Column("summary", wrap=True),
            Column("plugin", "dim", spare=int(grouped)),
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
            "group": entry.component.group,
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
