"""Options that say how images of other sizes become those of the generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from invprob.errors import BadParams

F = TypeVar("F", bound=Callable[..., Any])


def fitting(f: F) -> F:
    """``--resize``, ``--crop``, ``--crop-at`` and ``--limit``, for images given."""
    few = "Use the first N images."
    f = click.option("--limit", type=click.IntRange(min=1), metavar="N", help=few)(f)
    return framed(f)


def framed(f: F) -> F:
    """``--resize``, ``--crop`` and ``--crop-at``."""
    where = "Where the crop lies: middle, top, bottom, left, right, or DOWN,RIGHT from 0 to 1.  "
    where += "[default: middle]"
    f = click.option("--crop-at", metavar="PLACE", callback=_place, help=where)(f)
    text = "Crop images to the generator's size or aspect."
    f = click.option("--crop", is_flag=True, is_eager=True, help=text)(f)
    return click.option("--resize", is_flag=True, help="Resize images to the generator's size.")(f)


def _place(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    from invprob.params import crop_at

    if not ctx.params.get("crop"):
        raise BadParams("--crop-at is given without --crop", "add --crop")
    try:
        crop_at.place(value)
    except ValueError as error:
        raise BadParams(f"--crop-at is {value!r}", str(error)) from None
    return value
