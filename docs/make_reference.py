"""Write docs/reference/ from the parameter models and the help of the command line.

python docs/make_reference.py
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from invprob import cli, scaffold
from invprob.cli.show import shown, typed
from invprob.config.registry import Entry, Registry, registry
from invprob.plugin import KINDS

DOCS = Path(__file__).parent
OURS = ("basics", "classical", "csgm", "dps", "ilo", "mcmc", "pnp", "sgilo", "theory")
MADE = "<!-- made by docs/make_reference.py -->\n"


def pages() -> dict[str, str]:
    """The text of every page, by its path below docs/."""
    return {
        "reference/components.md": components(),
        "reference/command-line.md": command_line(),
        "how-to/writing-a-plugin.md": plugin_page(),
    }


def components() -> str:
    """Every component of our own sets, by kind."""
    parts = [MADE, "# Components\n", "As `invprob show KIND NAME` prints them.\n"]
    for kind in KINDS:
        entries = [e for e in registry().of_kind(kind) if e.plugin in OURS]
        if entries:
            parts += [f"## {kind.capitalize()}s\n", *map(component, entries)]
    return "\n".join(parts)


def component(entry: Entry) -> str:
    """A component: what it is, what it needs and offers, what it takes."""
    about = entry.component
    schema = entry.params().model_json_schema()
    lines = [f"### {about.name}\n", about.summary + "\n"]
    facts = [("needs", about.needs), ("offers", about.offers)]
    facts += [(f"default {kind}", (name,)) for kind, name in about.defaults]
    lines += [f"*{name}*: {', '.join(values)}\n" for name, values in facts if values]
    properties = schema.get("properties", {})
    if properties:
        lines += ["| parameter | type | default | |", "|---|---|---|---|"]
    for heading, names in entry.params().sections().items():
        lines += [f"| **{heading}** | | | |"] if heading else []
        lines += [row(name, properties[name], schema) for name in names]
    return "\n".join(lines) + "\n"


def row(name: str, field: dict[str, Any], schema: dict[str, Any]) -> str:
    """A parameter as the row of a table."""
    words, limits = typed(field, schema.get("$defs", {}))
    default = "required" if "default" not in field else shown(field["default"])
    text = " ".join(filter(None, (field.get("description", ""), limits and f"[{limits}]")))
    cells = (f"`{name}`", words.replace("|", " | "), f"`{default}`" if default else "", text)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def command_line() -> str:
    """The help of every command."""
    parts = [MADE, "# Command line\n", help_of([])]
    for name in cli.COMMANDS:
        parts += [f"## {name}\n", help_of([name])]
        command = cli.root.get_command(click.Context(cli.root), name)
        for sub in getattr(command, "commands", {}):
            parts += [f"### {name} {sub}\n", help_of([name, sub])]
    return "\n".join(parts)


def help_of(arguments: list[str]) -> str:
    """What `--help` prints, at 80 columns."""
    result = CliRunner().invoke(
        cli.root, [*arguments, "--help"], prog_name="invprob", terminal_width=80
    )
    return f"```text\n{result.output.rstrip()}\n```\n"


NAMES = {"operator": "kspace", "prior": "huber", "generator": "pca", "solver": "langevin"}
"""The plugins on the page, as `invprob new NAME --kind KIND` writes them."""


def plugin_page() -> str:
    """The template of the page, with the scaffold's code where it says ``{{kind:file}}``."""
    text = (DOCS / "templates" / "writing-a-plugin.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for kind, name in NAMES.items():
            scaffold.create(name, kind, Path(folder) / kind, Registry())
        sources = {"file": DOCS.parent, **{kind: Path(folder) / kind for kind in NAMES}}

        def block(found: re.Match[str]) -> str:
            path = sources[found[1]] / found[2]
            language = {".py": "python", ".toml": "toml"}[path.suffix]
            return f'```{language} title="{found[2]}"\n{path.read_text(encoding="utf-8")}```'

        return MADE + re.sub(r"\{\{(\w+):([^}]+)\}\}", block, text)


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(text, encoding="utf-8")
