"""A plugin package from templates: the files of `common` and of a kind, with names put in.

In a template ``$name`` is the plugin and its component, ``$package`` the import package, ``$title``
the class, ``$distribution`` what pip calls it; a folder `package` takes the name of the package.
"""

from __future__ import annotations

import keyword
import re
import string
from pathlib import Path
from typing import TYPE_CHECKING

from invprob._version import __version__
from invprob.errors import BadInput, nearest

if TYPE_CHECKING:
    from invprob.config.registry import Registry

KINDS = ("solver", "operator", "prior", "generator")
TEMPLATES = Path(__file__).parent
SUFFIX = ".tmpl"
IMPORTED = frozenset(
    ["Any", "BadInput", "Component", "ConfigDict", "Configurable", "Field", "Generator", "Info",
     "LinearOperator", "LogDensity", "Moments", "Noise", "Params", "Path", "Point", "Problem",
     "Progress", "Proximal", "Result", "Self", "Sequence", "Solver", "State", "TYPE_CHECKING",
     "Tensor"]
)  # fmt: skip
"""What the templates import; a class of such a name is called ``MyTensor``."""


def create(name: str, kind: str, folder: Path, registry: Registry) -> list[Path]:
    """Write the package of a component.

    Args:
        name: The name of the component, lower-case words joined by hyphens.
        kind: ``"solver"``, ``"operator"``, ``"prior"`` or ``"generator"``.
        folder: Where to, a new or an empty folder.
        registry: The components whose names are taken.

    Returns:
        The files in it.

    Raises:
        BadInput: If the name is invalid or taken, the folder is not empty, or it cannot be written
            to.
    """
    if kind not in KINDS:
        raise BadInput(f"no package can be written for a {kind!r}", nearest(kind, KINDS))
    check(name, kind, registry)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} exists and is not empty", "give another --out")
    names = substitutions(name, kind)
    written = []
    for part in ("common", kind):
        for template in sorted((TEMPLATES / part).rglob("*" + SUFFIX)):
            inside = template.relative_to(TEMPLATES / part).with_suffix("").as_posix()
            path = folder / inside.replace("package/", f"{names['package']}/")
            text = string.Template(template.read_text(encoding="utf-8")).substitute(names)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise BadInput(
                    f"{path} cannot be written: {reason}", "give another --out"
                ) from None
            written.append(path)
    return sorted(written)


def check(name: str, kind: str, registry: Registry) -> None:
    """Refuse a name that no package and class can be called by, or that is taken.

    Args:
        name: The name.
        kind: The kind of the component.
        registry: The components whose names are taken.

    Raises:
        BadInput: If the name cannot be used.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name):
        raise BadInput(
            f"{name!r} is not a name for a plugin",
            "use lower-case letters, digits and single hyphens, beginning with a letter",
        )
    plugins = {entry.plugin for entry in registry.entries} | {*registry.broken, *registry.blocked}
    if name in plugins:
        raise BadInput(f"a plugin is called {name!r} already", "choose another name")
    for entry in registry.of_kind(kind):
        if entry.component.name == name:
            raise BadInput(
                f"{kind} {name!r} is offered by plugin {entry.plugin!r} already",
                "choose another name",
            )


def substitutions(name: str, kind: str) -> dict[str, str]:
    """List what stands for each name of a template.

    Args:
        name: The name of the component.
        kind: Its kind.

    Returns:
        The words to write, by the name in the template.
    """
    title = "".join(word.capitalize() for word in re.split("[-_]", name))
    if title in IMPORTED or keyword.iskeyword(title):
        title = "My" + title
    return {
        "name": name,
        "kind": kind,
        "package": "invprob_" + name.replace("-", "_"),
        "distribution": "invprob-" + name.replace("_", "-"),
        "title": title,
        "version": __version__,
    }
