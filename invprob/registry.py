"""Finding plugins: entry points → torch-free manifests → pluggy, each plugin on its own.

A plugin that fails to import, raises in its manifest or speaks another version of the interface is
kept as data in `broken`; nothing else suffers from it.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pluggy

from invprob.errors import AmbiguousComponent, BrokenPlugin, UnknownComponent, nearest
from invprob.plugin import API, KINDS, Component, Hooks

GROUP = "invprob"


@dataclass(frozen=True)
class Entry:
    """A component and the plugin that offers it."""

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
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise BrokenPlugin(
                f"{self.component.kind} {self.component.name!r} of plugin {self.plugin!r} cannot be"
                f" loaded: {error}",
                "reinstall the plugin, or set INVPROB_BLOCK=" + self.plugin,
            ) from error


@dataclass(frozen=True)
class Registry:
    """All components found, and the plugins that failed with their reason."""

    entries: tuple[Entry, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)

    def of_kind(self, kind: str) -> list[Entry]:
        """The entries of one kind, by name."""
        found = [e for e in self.entries if e.component.kind == kind]
        return sorted(found, key=lambda e: e.component.name)

    def find(self, kind: str, name: str) -> Entry:
        """The entry of that name; ``plugin.name`` settles a name that several plugins offer."""
        found = self.of_kind(kind)
        matches = [e for e in found if name in (e.component.name, e.full_name)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = " or ".join(e.full_name for e in matches)
            raise AmbiguousComponent(f"{kind} {name!r} comes from several plugins", f"say {names}")
        hint = nearest(name, {e.component.name for e in found})
        if self.broken:
            hint += "; broken plugins: " + ", ".join(sorted(self.broken)) + " (see invprob list)"
        raise UnknownComponent(f"no {kind} is called {name!r}", hint)


def discover(modules: Iterable[tuple[str, str, str]]) -> Registry:
    """The registry of (plugin, manifest module, distribution) triples, each isolated."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    entries: list[Entry] = []
    broken: dict[str, str] = {}
    for name, module, distribution in modules:
        try:
            manifest = importlib.import_module(module)
            manager.register(manifest, name)
            others = [p for p in manager.get_plugins() if p is not manifest]
            (components,) = manager.subset_hook_caller("invprob_components", others)() or ([],)
            for component in components:
                _check(component)
            entries += [Entry(name, c, distribution) for c in components]
        except Exception as error:
            broken[name] = f"{type(error).__name__}: {error}"
    return Registry(tuple(entries), broken)


def _check(component: Component) -> None:
    if not isinstance(component, Component):
        raise TypeError(f"the manifest returned {component!r}, not an invprob.plugin.Component")
    if component.api != API:
        raise RuntimeError(f"it is written for interface {component.api}, this is {API}")
    if component.kind not in KINDS:
        raise ValueError(f"unknown kind {component.kind!r}; kinds are {', '.join(KINDS)}")


def installed() -> list[tuple[str, str, str]]:
    """Plugins of the entry-point group that INVPROB_PLUGINS and INVPROB_BLOCK do not leave out."""
    import entrypoints

    only = _names("INVPROB_PLUGINS")
    blocked = _names("INVPROB_BLOCK") or set()
    found: dict[str, tuple[str, str, str]] = {}
    for point in entrypoints.get_group_all(GROUP):
        if point.name in blocked or (only is not None and point.name not in only):
            continue
        distribution = f"{point.distro.name} {point.distro.version}" if point.distro else ""
        found.setdefault(point.name, (point.name, point.module_name, distribution))
    return sorted(found.values())


def _names(variable: str) -> set[str] | None:
    text = os.environ.get(variable)
    return None if text is None else {name.strip() for name in text.split(",") if name.strip()}


@functools.cache
def registry() -> Registry:
    """The registry of what is installed, discovered once per process."""
    return discover(installed())
