"""Finding plugins: entry points → torch-free manifests → pluggy, each plugin on its own.

A plugin that fails to import, raises in its manifest, describes a component wrongly or speaks
another version of the interface is kept as data in `broken`; nothing else suffers from it. What the
environment leaves out (see `invprob.config.installed`) is kept in `blocked`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import operator
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pluggy

from invprob.config.installed import GROUP as GROUP
from invprob.config.installed import installed as installed
from invprob.config.installed import left_out as left_out
from invprob.errors import AmbiguousComponent, BrokenPlugin, UnknownComponent, nearest, notify
from invprob.plugin import Component, Hooks, check

SLOW = 0.5
"""Seconds from which on the manifest of a plugin is called slow."""


@dataclass(frozen=True)
class Entry:
    """A component and the plugin that offers it.

    Attributes:
        plugin: The name of the plugin.
        component: What its manifest says.
        distribution: The package and its version; empty if they are not known.
    """

    plugin: str
    component: Component
    distribution: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.plugin}.{self.component.name}"

    def load(self) -> Any:
        """The target of the component; this is where its imports happen."""
        return self._resolve(self.component.target)

    def params(self) -> Any:
        """The params model of the component."""
        return self._resolve(self.component.params)

    def _resolve(self, path: str) -> Any:
        module, _, name = path.partition(":")
        try:
            return operator.attrgetter(name)(importlib.import_module(module))
        except (Exception, SystemExit) as error:
            raise BrokenPlugin(
                f"{self.component.kind} {self.component.name!r} of plugin {self.plugin!r} cannot be"
                f" loaded: {_said(error)}",
                f"`python -c 'import {module}'` shows where; or set INVPROB_BLOCK={self.plugin}",
            ) from error


@dataclass(frozen=True)
class Registry:
    """All components found, and the plugins that give none.

    Attributes:
        entries: The components.
        broken: Plugins that failed, by name, with the reason.
        blocked: Plugins that the environment leaves out, by name, with the reason.
        slow: Plugins whose manifest took long, by name, with its seconds.
    """

    entries: tuple[Entry, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)

    def of_kind(self, kind: str) -> list[Entry]:
        """List the entries of one kind.

        Args:
            kind: ``"solver"``, ``"operator"``, ….

        Returns:
            The entries, by name.
        """
        found = [e for e in self.entries if e.component.kind == kind]
        return sorted(found, key=lambda e: e.component.name)

    def by_group(self, kind: str) -> dict[str, list[Entry]]:
        """List the entries of one kind by their groups.

        Args:
            kind: ``"solver"``, ``"operator"``, ….

        Returns:
            The entries of each group, as its manifest orders them; those without a group are in
            that of their plugin, behind the others.
        """
        found = [e for e in self.entries if e.component.kind == kind]
        groups: dict[str, list[Entry]] = {}
        for entry in sorted(found, key=lambda e: not e.component.group):
            groups.setdefault(entry.component.group or entry.plugin, []).append(entry)
        return groups

    def find(self, kind: str, name: str) -> Entry:
        """Find a component.

        Args:
            kind: ``"solver"``, ``"operator"``, ….
            name: Its name; ``plugin.name`` settles a name that several plugins offer.

        Returns:
            The entry.

        Raises:
            UnknownComponent: If no plugin offers it.
            AmbiguousComponent: If several plugins do.
            BrokenPlugin: If the plugin that is named does not work or is left out.
        """
        found = self.of_kind(kind)
        matches = [e for e in found if name in (e.component.name, e.full_name)]
        matches = matches or self._formerly(found, name)
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = " or ".join(e.full_name for e in matches)
            raise AmbiguousComponent(f"{kind} {name!r} comes from several plugins", f"say {names}")
        for plugin in (name, name.rpartition(".")[0]):
            reason = self.broken.get(plugin) or self.blocked.get(plugin)
            if reason is not None:
                raise BrokenPlugin(
                    f"no {kind} is called {name!r}: plugin {plugin!r} is not loaded ({reason})",
                    "see `invprob list`",
                )
        hint = _as_parameter(name, found) or nearest(name, {e.component.name for e in found})
        if self.broken:
            hint += "; broken plugins: " + ", ".join(sorted(self.broken)) + " (see invprob list)"
        raise UnknownComponent(f"no {kind} is called {name!r}", hint)

    def _formerly(self, entries: list[Entry], name: str) -> list[Entry]:
        """The entries that had that name before, with a notice."""
        matches = [
            e for e in entries for a in e.component.aliases if name in (a, f"{e.plugin}.{a}")
        ]
        for entry in matches:
            now = f"{name} (now {entry.component.name})"
            notify(f"{entry.component.kind}: the next release refuses the old name {now}")
        return matches

    def name(self, entry: Entry) -> str:
        """Choose the shortest name by which `find` finds an entry.

        Args:
            entry: The entry.

        Returns:
            ``name``, or ``plugin.name`` where several plugins offer the name.
        """
        bare = entry.component.name
        alike = [e for e in self.of_kind(entry.component.kind) if e.component.name == bare]
        return bare if len(alike) == 1 else entry.full_name


def _as_parameter(name: str, entries: Iterable[Entry]) -> str:
    """The hint for a value without a component, or behind the wrong mark."""
    head, equals, value = name.partition("=")
    if equals:
        known = next((e for e in entries if e.component.name == head.strip()), None)
        first = next(iter(known.params().model_fields), "key") if known else "key"
        return f"parameters stand behind a colon: {head}:{first}={value}"
    if not re.fullmatch(r"[-+.\de]*\d[-+.\de]*", name):
        return ""
    firsts = [(e.component.name, next(iter(e.params().model_fields), "")) for e in entries]
    told = [f"{component}:{field}={name}" for component, field in firsts if field]
    return f"write NAME:key=value, e.g. {told[0]}" if told else ""


def discover(modules: Iterable[tuple[str, str, str]]) -> Registry:
    """Load manifests, each isolated from the faults of the others.

    Args:
        modules: Triples (plugin, module of the manifest, distribution).

    Returns:
        The registry of what was found.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    entries: list[Entry] = []
    broken: dict[str, str] = {}
    slow: dict[str, float] = {}
    for name, module, distribution in modules:
        began = time.perf_counter()
        try:
            # what a manifest prints must not end up in our results
            with contextlib.redirect_stdout(sys.stderr):
                entries += [Entry(name, c, distribution) for c in _offered(manager, name, module)]
        except (Exception, SystemExit) as error:
            broken[name] = _said(error)
        if (seconds := time.perf_counter() - began) > SLOW:
            slow[name] = seconds
    return Registry(tuple(entries), broken, slow=slow)


def _offered(manager: pluggy.PluginManager, name: str, module: str) -> list[Component]:
    """What the manifest of one plugin offers, every component judged."""
    manifest = importlib.import_module(module)
    owner = manager.get_name(manifest)
    if owner is not None:
        raise ValueError(f"its manifest {module} is that of plugin {owner!r} already")
    manager.register(manifest, name)
    try:
        manager.check_pending()
        others = [p for p in manager.get_plugins() if p is not manifest]
        answers = manager.subset_hook_caller("invprob_components", others)()
    except Exception:
        manager.unregister(manifest)
        raise
    if not answers:
        raise LookupError("the manifest has no hook invprob_components that returns a list")
    components = list(answers[0])
    seen: set[tuple[str, str]] = set()
    for component in components:
        check(component)
        if (component.kind, component.name) in seen:
            raise ValueError(f"{component.kind} {component.name!r} is offered twice")
        seen.add((component.kind, component.name))
    return components


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


@functools.cache
def registry() -> Registry:
    """The registry of what is installed, discovered once per process."""
    return dataclasses.replace(discover(installed()), blocked=left_out())
