"""``invprob show``: what a component does and takes, read from its manifest and its model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from invprob.cli import completion, kinds
from invprob.config.registry import Entry, registry
from invprob.io.json_text import dumps

BOUNDS = {
    "exclusiveMinimum": "> {}",
    "minimum": "≥ {}",
    "exclusiveMaximum": "< {}",
    "maximum": "≤ {}",
    "multipleOf": "multiple of {}",
    "minLength": "length ≥ {}",
    "maxLength": "length ≤ {}",
}
TYPES = {"integer": "int", "number": "float", "string": "text", "boolean": "true/false"}


@click.command()
@click.argument("kind", type=completion.KindType())
@click.argument("name", required=False, type=completion.ComponentType("kind"))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the parameters.")
def command(kind: str, name: str | None, schema: bool) -> None:
    """Show the parameters of a component.

    For example: invprob show solver sgilo. A name that no other kind has will do: invprob show
    sgilo.
    """
    entry = kinds.find(registry(), kind, name)
    described = entry.params().model_json_schema()
    if schema:
        click.echo(dumps(described, indent=2))
    else:
        _print(entry, described)


def _print(entry: Entry, schema: Mapping[str, Any]) -> None:
    from invprob.cli import console
    from invprob.cli.console import Column

    component = entry.component
    source = f" ({entry.distribution})" if entry.distribution else ""
    console.say(f"{component.kind} {component.name}", "bold")
    console.say(component.summary)
    console.say()
    facts = [("plugin", entry.plugin + source)]
    facts += [("needs", ", ".join(component.needs))] if component.needs else []
    facts += [("offers", ", ".join(component.offers))] if component.offers else []
    facts += [(f"default {kind}", name) for kind, name in component.defaults]
    console.entries(facts, "dim")
    properties = schema.get("properties", {})
    if not properties:
        console.say()
        console.say("It takes no parameters.")
        console.say()
        console.say(f"e.g. {component.name}", "dim")
        return
    console.say()
    rows = []
    for heading, names in entry.params().sections().items():
        rows += [(f"{heading}:", "", "", "")] if heading else []
        for name in names:
            field = properties[name]
            words, limits = typed(field, schema.get("$defs", {}))
            default = "required" if "default" not in field else shown(field["default"])
            text = " ".join(filter(None, (field.get("description", ""), limits and f"[{limits}]")))
            rows.append((f"  {name}" if heading else name, words, default, text))
    columns = (
        Column("parameter", "cyan"),
        Column("type", wrap=True),
        Column("default"),
        Column("description", wrap=True),
    )
    console.table(columns, rows)
    console.say()
    if example := _example(schema):
        console.say(f"e.g. {_written(component.name, example)}", "dim")


def typed(field: Mapping[str, Any], models: Mapping[str, Any]) -> tuple[str, str]:
    """Describe a property of a JSON Schema in words.

    Args:
        field: The property.
        models: The definitions of the schema, by name.

    Returns:
        Its type and its constraints.
    """
    if "$ref" in field:
        return typed(models.get(field["$ref"].rpartition("/")[2], {}), models)
    if "anyOf" in field:
        parts = [typed(part, models) for part in field["anyOf"]]
        return " or ".join(words for words, _ in parts), _listed(limits for _, limits in parts)
    if "enum" in field:
        return "|".join(map(str, field["enum"])), ""
    if "const" in field:
        return str(field["const"]), ""
    if field.get("type") == "null":
        return "none", ""
    if field.get("type") == "array":
        return _array(field, models)
    words = TYPES.get(field.get("type", ""), field.get("type", "any"))
    return words, _listed(text.format(field[key]) for key, text in BOUNDS.items() if key in field)


def _array(field: Mapping[str, Any], models: Mapping[str, Any]) -> tuple[str, str]:
    fixed = field.get("prefixItems")
    if fixed:
        parts = [typed(item, models) for item in fixed]
        return ",".join(words for words, _ in parts), _listed(limits for _, limits in parts)
    words, limits = typed(field.get("items", {}), models)
    least, most = field.get("minItems"), field.get("maxItems")
    bounds = (
        limits and f"each {limits}",
        f"at least {least}" if least else "",
        f"at most {most}" if most is not None else "",
    )
    return f"{words},…", _listed(bounds)


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, parts)))


def shown(value: Any) -> str:
    """Write a value as a user would.

    Args:
        value: The value.

    Returns:
        The text.
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(map(shown, value))
    return str(value)


def _example(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first parameter with its default. The examples of a model are small ones for the checks;
    one of them serves where a parameter has to be given, or none has a default."""
    fields = schema["properties"]
    known = {name: field["default"] for name, field in fields.items() if field.get("default")}
    if not known or any("default" not in field for field in fields.values()):
        return next(iter(schema.get("examples", ())), {})
    return dict(list(known.items())[:1])


def _written(name: str, example: Mapping[str, Any]) -> str:
    pairs = ",".join(f"{key}={shown(value)}" for key, value in example.items())
    return f"{name}:{pairs}" if pairs else name
