"""The checks of a plugin or of a component, one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from invprob.config import registry
from invprob.config.registry import Entry
from invprob.errors import BadParams, UnknownComponent, nearest
from invprob.params import Spec
from invprob.testing.check import PLUGIN, Check, Failed, Inapplicable
from invprob.testing.checks import CHECKS
from invprob.testing.process_state import kept
from invprob.testing.target import Case, Plugin, cases

Modules = Iterable[tuple[str, str, str]]


@dataclass(frozen=True)
class TrialResult:
    """The result of a check.

    Attributes:
        status: ``"passed"``, ``"failed"``, or ``"skipped"`` where the check does not apply.
        seen: What was seen, or why the check does not apply.
    """

    status: Literal["passed", "failed", "skipped"]
    seen: str = ""


@dataclass(frozen=True)
class Trial:
    """A check on a plugin, or on a component with each of its examples.

    Attributes:
        target: ``"plugin NAME"`` or ``"kind name"``.
        name: ``"component.check"``, the key of an expected failure.
        check: The check.
        on: The plugin, or a case for each example of the component.
    """

    target: str
    name: str
    check: Check
    on: tuple[Plugin | Case, ...]

    def run(self) -> TrialResult:
        """Run the check on every example; whatever the component raises counts as a failure.

        What it changes in the process is set back.

        Returns:
            The first failure, else whether the check passed or does not apply.
        """
        with kept():
            return self._first_failure()

    def _first_failure(self) -> TrialResult:
        result = TrialResult("passed")
        for case in self.on:
            try:
                self.check.run(case)
            except Inapplicable as reason:
                result = TrialResult("skipped", str(reason))
            except (Exception, SystemExit) as error:
                seen = str(error) if isinstance(error, Failed) else _said(error)
                return TrialResult("failed", seen + _where(case, self.on))
        return result


def trials(
    name: str,
    examples: Mapping[str, Mapping[str, Any]] | None = None,
    modules: Modules | None = None,
) -> list[Trial]:
    """Collect every check of a plugin, or of the components of a name.

    Args:
        name: A plugin's name, a component's (``solver.name`` or ``plugin.name`` where that is not
            enough), or a component with the parameters to try it with, ``name:key=value``.
        examples: Such parameters by component.
        modules: (plugin, manifest module, distribution) triples; None: those installed.

    Returns:
        The trials, which have not run yet.

    Raises:
        UnknownComponent: If nothing has this name.
        BadParams: If parameters are refused, or belong to a component that is not checked.
    """
    spec = Spec.model_validate(name)
    given = {**(examples or {}), **({spec.name: spec.params} if spec.params else {})}
    triples = list(registry.installed() if modules is None else modules)
    found = registry.discover(triples)
    plugins = {
        plugin: Plugin(
            plugin,
            module,
            tuple(e for e in found.entries if e.plugin == plugin),
            found.broken.get(plugin, ""),
        )
        for plugin, module, _ in triples
    }
    made: list[Trial] = []
    if spec.name in plugins and not spec.params:
        plugin = plugins[spec.name]
        made += [_trial(f"plugin {plugin.name}", plugin.name, c, plugin) for c in _of(PLUGIN)]
        chosen = plugin.entries
    else:
        chosen = tuple(e for e in found.entries if spec.name in _names(e))
        if not chosen:
            known = {*plugins, *(e.component.name for e in found.entries)}
            raise UnknownComponent(
                f"no plugin or component is called {spec.name!r}", nearest(spec.name, known)
            )
    unused = given.keys() - {n for e in chosen for n in _names(e)}
    if unused:
        raise BadParams(f"parameters for {', '.join(sorted(unused))}, which is not checked")
    often = Counter(n for e in chosen for n in _names(e))
    for entry in chosen:
        c = entry.component
        short = next(n for n in _names(entry) if often[n] == 1)
        own = next((given[n] for n in _names(entry) if n in given), None)
        if own is not None:
            entry.params().parse(own, f"{c.kind} {c.name}")
        made += [
            _trial(f"{c.kind} {c.name}", short, rule, *cases(entry, found, own, given))
            for rule in _of(c.kind)
            if rule.offers in ("", *c.offers)
        ]
    return made


def _of(kind: str) -> list[Check]:
    return [check for check in CHECKS if kind in check.kinds]


def _trial(target: str, short: str, check: Check, *on: Plugin | Case) -> Trial:
    return Trial(target, f"{short}.{check.name}", check, on)


def _names(entry: Entry) -> tuple[str, ...]:
    """The names by which a component can be meant, the shortest first."""
    c = entry.component
    return c.name, f"{c.kind}.{c.name}", entry.full_name, f"{entry.plugin}.{c.kind}.{c.name}"


def _said(error: BaseException) -> str:
    return f"it raised {type(error).__name__}: {error}"


def _where(case: Plugin | Case, on: tuple[Plugin | Case, ...]) -> str:
    """The example that failed, where there are several."""
    if len(on) == 1 or not isinstance(case, Case):
        return ""
    pairs = ",".join(f"{key}={value}" for key, value in case.example.items())
    return f" ({case.entry.component.name}:{pairs})"
