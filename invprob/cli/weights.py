"""``invprob weights``: known public checkpoints, and those that the user has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from invprob.cli import completion, options
from invprob.errors import BadInput
from invprob.io.json_text import dumps

if TYPE_CHECKING:
    from invprob.weights.store import Card, Record

FAILED = 1


@click.group()
def command() -> None:
    """List, add, fetch, remove and verify weights by name.

    Nothing is downloaded unless you say so: `list` says where the authors of known checkpoints give
    them, `add` puts a file that you have on a shelf of your own, `fetch` brings one that has a
    published SHA-256, or a model of the hub, and `weights=NAME` finds it there. The shelf lies in
    INVPROB_CACHE, by default in the user's cache.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def listed(as_json: bool) -> None:
    """List known checkpoints and what is on the shelf."""
    from invprob.cli import console
    from invprob.weights import store

    here, known = store.kept(), store.cards()
    names = [*known, *(n for n in here if n not in known)]
    if as_json:
        click.echo(dumps([_plain(n, here.get(n), known.get(n)) for n in names], indent=2))
        return
    for name in names:
        card = known.get(name)
        what = card.what if card else f"added by you, {here[name].file}"
        have = f"sha256 {here[name].sha256}" if name in here else "not here"
        licence = here[name].licence if name in here else card.licence if card else ""
        console.say(name, "bold cyan")
        console.say(f"  {what}")
        facts = [("yours", have), ("licence", licence)]
        facts += [("file", card.file), ("from", card.page)] if card else []
        # a page is never broken, so that it can be copied
        for title, fact in facts:
            console.say(f"  {title + ':':<9}{fact}", "dim" if fact == "not here" else "")


def _plain(name: str, here: Record | None, card: Card | None) -> dict[str, Any]:
    return {
        "name": name,
        "here": here is not None,
        "what": card.what if card else None,
        "license": here.licence if here else card.licence if card else None,
        "file": here.file if here else card.file if card else None,
        "sha256": here.sha256 if here else card.sha256 if card else None,
        "page": card.page if card else None,
    }


@command.command()
@click.argument("name")
@click.argument("file", type=options.PATH)
@click.option(
    "--license", "--licence", "licence", metavar="TEXT", help="The licence of the weights, kept."
)
def add(name: str, file: Path, licence: str | None) -> None:
    """Put FILE on the shelf under NAME; `weights=NAME` then finds it.

    If the authors publish a SHA-256, the file must have it. It is opened when it is used, by a
    reader that runs nothing.
    """
    from invprob.cli import console
    from invprob.config.registry import registry
    from invprob.weights import bundled, store

    packages = {entry.component.target.partition(".")[0] for entry in registry().entries}
    if owners := [p for p in sorted(packages) if name in bundled.names(p)]:
        # bundled weights come first, and those of the shelf would never be used
        raise BadInput(f"weights {name!r} come with {' and '.join(owners)}", "give another name")
    record = store.add(name, file, licence)
    card = store.cards().get(name)
    facts = [("sha256", record.sha256), ("licence", record.licence)]
    if card is None or card.sha256 is None:
        facts.append(("note", "no SHA-256 is published to compare it with; this one is recorded"))
    console.entries(facts, "dim")
    console.say(f"weights={name}", "bold")


@command.command()
@click.argument("name")
@options.download
def fetch(name: str) -> None:
    """Fetch the weights NAME of a card, or hf:OWNER/NAME[@REVISION][/FILE] of the hub.

    Without --download it says what would be fetched: the size and the licence. A file whose hash is
    not the published one is removed. A transfer that was cut is gone on with.
    """
    from invprob.cli import console
    from invprob.weights import fetch as fetching

    console.say(f"{fetching.fetch(name)}")
    console.say(f"weights={name}", "bold")


@command.command()
@click.argument("name", type=completion.WeightsType())
def remove(name: str) -> None:
    """Take the weights NAME off the shelf, and remove the file that `add` copied there."""
    from invprob.cli import console
    from invprob.weights import store

    console.say(f"{store.remove(name)} is removed")


@command.command()
@click.argument("name", required=False, type=completion.WeightsType())
def verify(name: str | None) -> int:
    """Check that the files on the shelf are as they were added; exit status 1 if not."""
    from invprob.cli import console
    from invprob.weights import store

    faults = 0
    for one in [name] if name else list(store.kept()):
        wrong = store.verify(one)
        faults += bool(wrong)
        console.say(wrong or f"{one} is as it was added", "red" if wrong else "green")
    return FAILED if faults else 0
