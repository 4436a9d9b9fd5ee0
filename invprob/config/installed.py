"""Which plugins are installed: the entry points of all packages, of which some may be damaged.

A damaged list of a stranger's package is passed over, as Python itself does. Two variables of the
environment choose: ``INVPROB_PLUGINS=a,b`` loads only those plugins, ``INVPROB_BLOCK=c`` all but
that one.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invprob.errors import notify

GROUP = OURS = "invprob"
"""The group of entry points, and the distribution whose plugins keep their names."""


@dataclass(frozen=True)
class Found:
    """A plugin of an installed package.

    Attributes:
        name: The name of the entry point.
        module: The module of its manifest.
        distribution: The name of the package; empty if it is not known.
        version: Its version; empty if it is not known.
    """

    name: str
    module: str
    distribution: str
    version: str

    @property
    def triple(self) -> tuple[str, str, str]:
        return self.name, self.module, f"{self.distribution} {self.version}".strip()


def installed() -> list[tuple[str, str, str]]:
    """Plugins, as (name, module, distribution), that the environment does not leave out."""
    return [plugin for plugin in _everything() if not _reason(plugin[0])]


def left_out() -> dict[str, str]:
    """The plugins that the environment leaves out, and why; names that it asks for in vain too."""
    only = _names("INVPROB_PLUGINS")
    if only is None and _names("INVPROB_BLOCK") is None:
        return {}
    names = [name for name, *_ in _everything()]
    told = {name: reason for name in names if (reason := _reason(name))}
    known = {part for name in names for part in (name, name.partition("@")[0])}
    asked = "INVPROB_PLUGINS asks for it, but it is not installed"
    return told | dict.fromkeys(sorted((only or set()) - known), asked)


def _everything() -> list[tuple[str, str, str]]:
    """The plugins of the entry-point group. Where two distributions give different plugins one
    name, each but ours is called ``name@distribution``."""
    found = {(point.name, point.module): point for point in reversed(_points())}.values()
    names = [point.name for point in found]
    ours = {point.name for point in found if point.distribution == OURS}
    plugins = []
    for point in found:
        name, module, distribution = point.triple
        if names.count(name) > 1 and point.distribution != OURS:
            name = f"{name}@{point.distribution or module}"
            if point.name in ours:
                notify(
                    f"plugin {point.name!r} of {distribution or module} has the name of one of"
                    f" ours, and is called {name!r}"
                )
        plugins.append((name, module, distribution))
    return sorted(plugins)


def _points() -> list[Found]:
    """The entry points of the group in all packages."""
    import entrypoints

    class Lenient(entrypoints.CaseSensitiveConfigParser):  # type: ignore[misc]
        """Reads our group and nothing else, so that no damage elsewhere does any harm."""

        def read(self, names: list[str], encoding: str | None = None) -> list[str]:
            with contextlib.suppress(OSError):
                self.read_dict({GROUP: _section(Path(names[0]).read_bytes())})
            return names

        def read_file(self, file: Any, source: str | None = None) -> None:
            self.read_dict({GROUP: _section(file.buffer.read())})

    strict = entrypoints.CaseSensitiveConfigParser
    entrypoints.CaseSensitiveConfigParser = Lenient
    try:
        points = entrypoints.get_group_all(GROUP, [str(place) for place in sys.path])
    finally:
        entrypoints.CaseSensitiveConfigParser = strict
    return [
        Found(
            point.name,
            point.module_name,
            point.distro.name if point.distro else "",
            (point.distro.version or "") if point.distro else "",
        )
        for point in points
    ]


def _section(data: bytes) -> dict[str, str]:
    """The entries of our group; of a name that is there twice the first one."""
    entries: dict[str, str] = {}
    section = ""
    for line in data.decode("utf-8-sig", "replace").splitlines():
        text = line.strip()
        if head := re.fullmatch(r"\[(.*)\]", text):
            section = head[1].strip()
        elif section == GROUP and not text.startswith(("#", ";")):
            name, equals, target = (part.strip() for part in text.partition("="))
            if equals and name and "%" not in name + target:
                entries.setdefault(name, target)
    return entries


def _reason(plugin: str) -> str:
    """Why the environment leaves a plugin out; empty if it does not."""
    called = {plugin, plugin.partition("@")[0]}
    only = _names("INVPROB_PLUGINS")
    if called & (_names("INVPROB_BLOCK") or set()):
        return "blocked by INVPROB_BLOCK"
    return "not among INVPROB_PLUGINS" if only is not None and not called & only else ""


def _names(variable: str) -> set[str] | None:
    text = os.environ.get(variable)
    return None if text is None else {name.strip() for name in text.split(",") if name.strip()}
