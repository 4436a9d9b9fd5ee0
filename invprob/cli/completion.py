"""What the Tab key offers: components, their parameters and values, kinds, weights, files."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

from invprob.errors import InvprobError


class Completed(click.ParamType):  # type: ignore[type-arg] # no older click takes one
    """A text for which something is offered."""


class SpecType(Completed):
    """``NAME:key=value,…`` of a kind, behind ``A|`` for operators and ``STAGE=`` for priors.

    Args:
        kind: One of `invprob.plugin.KINDS`.
    """

    name = "spec"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        head = re.match(r".*\|" if self.kind == "operator" else r"\d+=|", incomplete, re.DOTALL)
        done = head[0] if head else ""
        try:
            found = list(specs(self.kind, incomplete[len(done) :]))
        except InvprobError:
            return []
        return [_item(done + text, told) for text, told in found]


class KindType(Completed):
    """A kind of component."""

    name = "kind"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from invprob.plugin import KINDS

        return [_item(kind) for kind in KINDS if kind.startswith(incomplete)]


class ComponentType(Completed):
    """The name of a component, of the kind that is given before it or of any.

    Args:
        given: The argument of the command that holds the kind; without one, any will do, and the
            names of plugins too.
    """

    name = "component"

    def __init__(self, given: str = "") -> None:
        self.given = given

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from invprob.config.registry import registry

        kind = str(ctx.params.get(self.given) or "").lower().removesuffix("s")
        of = [e for e in registry().entries if not self.given or e.component.kind == kind]
        names = {e.component.name: e.component.summary for e in of}
        names |= {} if self.given else {e.plugin: f"plugin {e.plugin}" for e in of}
        return [_item(*pair) for pair in sorted(names.items()) if pair[0].startswith(incomplete)]


class SettingType(Completed):
    """``PATH=VALUE`` in an experiment, for example ``solver.steps=200``."""

    name = "setting"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from invprob.config.experiment import Experiment
        from invprob.params import Spec
        from invprob.plugin import KINDS

        kind, dot, rest = incomplete.partition(".")
        if not dot:
            fields = Experiment.model_fields.items()
            return [_item(f"{k}=", f.description or "") for k, f in fields if k.startswith(kind)]
        given = ctx.params.get(kind) or getattr(Experiment(), kind, None)
        if kind not in KINDS or not isinstance(given, (str, Spec)):
            return []
        name = str(given).partition(":")[0]
        try:
            found = list(specs(kind, f"{name}:{rest}"))
        except InvprobError:
            return []
        return [_item(f"{kind}.{text.removeprefix(name + ':')}", told) for text, told in found]


class WeightsType(Completed):
    """The name of weights that are known or kept."""

    name = "weights"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [_item(name) for name in _weights() if name.startswith(incomplete)]


def specs(kind: str, text: str) -> Iterable[tuple[str, str]]:
    """Complete ``NAME:key=value,…``.

    Args:
        kind: One of `invprob.plugin.KINDS`.
        text: Its beginning.

    Yields:
        Texts that begin so, and a word on each.

    Raises:
        InvprobError: If the component or its parameters cannot be found.
    """
    from invprob.config.registry import registry

    name, colon, rest = text.partition(":")
    if not colon:
        for entry in registry().of_kind(kind):
            for known in (entry.component.name, entry.full_name):
                if known.startswith(text) and (known == entry.component.name or "." in text):
                    yield known, entry.component.summary
        return
    done, comma, last = rest.rpartition(",")
    before = f"{name}:{done}{comma}"
    entry = registry().find(kind, name)
    model = entry.params()
    key, equals, value = last.partition("=")
    if equals:
        field = model.model_json_schema()["properties"].get(key.replace("-", "_"), {})
        package = entry.component.target.partition(".")[0]
        for choice in _choices(key, field, value, package):
            yield f"{before}{key}={choice}", ""
        return
    for field_name, about in model.model_fields.items():
        if field_name.startswith(key):
            yield f"{before}{field_name}=", about.description or ""


def _choices(key: str, field: Mapping[str, Any], value: str, package: str) -> list[str]:
    """The values of a parameter that begin so: words of a choice, weights, files."""
    forms = [field, *field.get("anyOf", ())]
    words = [str(word) for form in forms for word in form.get("enum", ())]
    words += ["true", "false"] * any(form.get("type") == "boolean" for form in forms)
    if not words and any(form.get("type") == "string" for form in forms):
        words = _weights(package) if key == "weights" else []
        words += [p + "/" * os.path.isdir(p) for p in sorted(glob.glob(glob.escape(value) + "*"))]
    return [word for word in words if word.startswith(value)]


def _weights(package: str = "") -> list[str]:
    """Those that come with a package, and those that are known or kept."""
    from invprob.weights import bundled, store

    inside = bundled.names(package) if package else []
    return [*inside, *sorted({*store.cards(), *store.kept()})]


def _item(text: str, told: str = "") -> CompletionItem:
    return CompletionItem(text, help=told or None)
