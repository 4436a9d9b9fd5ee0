"""What operators check of the shape of their input."""

from __future__ import annotations

from invprob.errors import Incompatible


def check_picture(name: str, shape: tuple[int, ...]) -> None:
    """Refuse an input that is no picture (C, H, W), because of the operator before this one."""
    if len(shape) != 3:
        raise Incompatible(
            f"{name} takes a picture, and the operator before it gives {shape[0]} numbers",
            "put inpaint and compressed last in a composition",
        )
