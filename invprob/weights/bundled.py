"""The weights that come with packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def names(package: str) -> list[str]:
    """Name the weights that come with a package, in its folder ``weights``.

    Args:
        package: The name of a package.

    Returns:
        The names, sorted; none if there is no such package.
    """
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # a module that was made while Python runs
        found = None
    roots = (found.submodule_search_locations if found else None) or ()
    there = (path for root in roots for path in sorted(Path(root, "weights").glob("*")))
    return [p.stem for p in there if p.is_dir() or p.suffix == ".safetensors"]
