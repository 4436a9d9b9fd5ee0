"""The type of every option and argument that is a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class PathType(click.Path):
    """A path as `invprob.paths` reads it, which the shell completes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from invprob import paths

        return paths.expand(value)


PATH = PathType()
