"""``--set path=value``: single fields of an experiment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from invprob.config.experiment import Experiment
from invprob.config.registry import Registry
from invprob.errors import BadParams, InvprobError, nearest
from invprob.params import Spec
from invprob.plugin import Kind

KINDS: dict[str, Kind] = {"observe": "observer"}
"""The kinds of components in fields that are not called by their kind."""


def override(
    table: Mapping[str, Any], settings: Iterable[str], registry: Registry
) -> dict[str, Any]:
    """Replace fields of an experiment.

    Args:
        table: Fields of an `Experiment`.
        settings: ``path=value`` texts, e.g. ``solver.steps=200``.
        registry: Where the components whose parameters are replaced are looked up.

    Returns:
        A new table.

    Raises:
        BadParams: If a path leads nowhere.
        UnknownComponent: If nothing offers the component of a parameter.
    """
    out: dict[str, Any] = {k: _table(v) for k, v in table.items()}
    for setting in settings:
        path, equals, value = setting.partition("=")
        head, *keys = path.strip().split(".")
        if not equals or not head:
            raise BadParams(f"--set {setting!r} is not path=value", "e.g. --set solver.steps=200")
        if head not in Experiment.model_fields:
            hint = _owner(head, out, registry) or nearest(head, Experiment.model_fields)
            raise BadParams(f"--set {setting!r}: an experiment has no {head!r}", hint)
        if not keys:
            out[head] = _table(value)
            continue
        inner = out.setdefault(head, {})
        if head == "operator" and isinstance(inner, list):
            place = int(keys.pop(0)) if keys[0].isdecimal() else len(inner) - 1
            inner = inner[place] if place < len(inner) else None
        if head == "prior" and len(keys) > 1 and isinstance(inner, dict):
            inner = inner.setdefault(keys.pop(0), {})
        if not isinstance(inner, dict) or len(keys) != 1:
            raise BadParams(f"--set {setting!r} leads nowhere", "e.g. --set solver.steps=200")
        key = keys[0].replace("-", "_")
        for other in _other_names(registry, KINDS.get(head, head), inner.get("name"), key):
            inner.pop(other, None)
        inner[key] = value
    return out


def _owner(key: str, table: Mapping[str, Any], registry: Registry) -> str:
    """The hint that the solver has a parameter of that name."""
    solver = Spec.model_validate(table.get("solver") or Experiment().solver)
    try:
        fields = registry.find("solver", solver.name).params().model_fields
    except InvprobError:
        return ""
    return f"did you mean solver.{key}?" if key.replace("-", "_") in fields else ""


def _other_names(registry: Registry, kind: Any, name: Any, key: str) -> set[str]:
    """The old and new names of a parameter but `key`, under which the table may have it."""
    if not isinstance(name, str):
        return set()
    renamed = registry.find(kind, name).params().renamed
    now = renamed.get(key, key)
    return {now, *(old for old, new in renamed.items() if new == now)} - {key}


def _table(value: Any) -> Any:
    """Specs as tables, so that single parameters can be replaced."""
    if isinstance(value, Mapping):
        return {k: _table(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_table(v) for v in value]
    return value
