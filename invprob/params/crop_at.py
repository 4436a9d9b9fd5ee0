"""Where a crop lies in a picture, as users write it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

WORDS = {
    "middle": (0.5, 0.5),
    "top": (0.0, 0.5),
    "bottom": (1.0, 0.5),
    "left": (0.5, 0.0),
    "right": (0.5, 1.0),
}


def place(text: str) -> tuple[float, float]:
    """Read a place.

    Args:
        text: A key of `WORDS`, or two numbers in [0, 1]: ``0.2,0.5``.

    Returns:
        How far down and how far to the right the crop lies: 0 is at the top or left, 1 at the
        bottom or right.

    Raises:
        ValueError: If it is something else.
    """
    if text in WORDS:
        return WORDS[text]
    parts = text.split(",")
    try:
        down, right = map(float, parts)
    except ValueError:
        down = right = -1.0
    if not (0 <= down <= 1 and 0 <= right <= 1):
        raise ValueError(f"give {', '.join(WORDS)}, or two numbers from 0 to 1, as in 0.2,0.5")
    return down, right


def _checked(text: str) -> str:
    place(text)
    return text


CropAt = Annotated[str, AfterValidator(_checked)]
"""The type of a parameter that says where a crop lies."""
