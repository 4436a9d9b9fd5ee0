"""Reading a suite from a TOML file, with the line of what is wrong in it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from invprob.bench.methods import Method, Override, Task
from invprob.bench.suite import Suite
from invprob.bench.toml_lines import line_of
from invprob.config import toml
from invprob.config.registry import Registry
from invprob.errors import BadParams, InvprobError, nearest
from invprob.params import Params, Spec, read_chain
from invprob.params.wording import place, sentence

DEFAULT = Path(__file__).with_name("default.toml")


def read(
    path: Path, registry: Registry, changes: Mapping[str, Any] = MappingProxyType({})
) -> Suite:
    """Read a suite and judge every experiment of it.

    Args:
        path: A TOML file.
        registry: The components.
        changes: Fields that replace what the file says.

    Returns:
        The suite.

    Raises:
        BadParams: If a value is wrong, with file, line and hint.
    """
    text = toml.read_text(path, "suite")
    try:
        table = toml.parse(text)
    except tomllib.TOMLDecodeError as error:
        raise BadParams(
            f"{path} is not TOML: {error}", "see docs/how-to/comparing-methods.md"
        ) from None
    try:
        suite = Suite.model_validate({**table, **changes})
    except ValidationError as error:
        raise _located(path, text, error) from None
    for where, check in _checks(suite, path.parent, registry):
        try:
            check()
        except InvprobError as error:
            line = line_of(text, where)
            raise type(error)(f"{path}, line {line}: {error.message}", error.hint) from None
    return suite


def _checks(suite: Suite, beside: Path, registry: Registry) -> Iterator[tuple[Sequence[Any], Any]]:
    """(place in the file, what raises if it is wrong)."""
    from invprob.io import images

    def known(kind: str, text: str) -> None:
        for part in read_chain(text):
            spec = Spec.model_validate(part)
            entry = registry.find(kind, spec.name)
            entry.params().parse(spec.params, f"{kind} {spec.name}")

    if suite.images:
        yield ("images",), lambda: images.gather(suite.paths(beside))
    for operator in suite.operators:
        yield ("operators",), lambda text=operator: known("operator", text)
    for noise in suite.noise:
        yield ("noise",), lambda text=noise: known("noise", text)
    for i, task in enumerate(suite.task):
        yield ("task", i, "operator"), lambda text=task.operator: known("operator", text)
        yield ("task", i, "noise"), lambda text=task.noise: known("noise", text)
    for i, method in enumerate(suite.method):
        for task in suite.tasks:
            yield ("method", i), lambda m=method, t=task: suite.experiment(m, t, 0, registry)


def _located(path: Path, text: str, error: ValidationError) -> BadParams:
    """Every fault with its line."""
    faults, hint = [], "see docs/how-to/comparing-methods.md"
    for fault in error.errors(include_url=False):
        where = [p for p in fault["loc"] if not (isinstance(p, str) and p.startswith("function-"))]
        name = place(where)
        line = line_of(text, where)
        if fault["type"] == "extra_forbidden":
            faults.append(f"line {line}: there is no {name}")
            models: dict[str, type[Params]] = {"method": Method, "task": Task, "override": Override}
            model = next((models[str(p)] for p in reversed(where[:-1]) if p in models), Suite)
            hint = nearest(str(where[-1]), model.model_fields)
        else:
            message, given = sentence(fault), fault["input"]
            got = "" if isinstance(given, (dict, Suite)) else f" (got {given!r})"
            faults.append(f"line {line}: {name}: {message}{got}" if name else message)
    return BadParams(f"{path}, " + "; ".join(faults), hint)
