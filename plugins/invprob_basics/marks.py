"""Holes that are marked in the picture itself: by a colour, or by transparency."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob.errors import BadInput
from invprob_basics.params import InpaintParams

TOLERANCE = 0.1
GROW = 1


def unmarked(params: InpaintParams, picture: Tensor | None) -> Tensor:
    """Find the pixels of a picture that are not marked as missing.

    Args:
        params: Parameters with a mask to be found: its colour, and how near a colour has to be.
        picture: (1 or 3, H, W) in [0, 1], NaN where it is transparent; None where there is none.

    Returns:
        Booleans (H, W), true where a pixel is measured.

    Raises:
        BadInput: If there is no picture, or no pixel of it is marked.
    """
    if picture is None or picture.dim() != 3 or picture.shape[0] not in (1, 3):
        raise BadInput(
            "mask=auto is found in a picture, and there is none",
            "give a picture or --measurement FILE, or a mask: inpaint:mask=FILE",
        )
    hole = picture.isnan().any(0)
    if params.color is not None:
        text = params.color.removeprefix("#")
        color = torch.tensor([int(text[i : i + 2], 16) / 255 for i in (0, 2, 4)])
        far = (picture - color[:, None, None]).abs().amax(0).nan_to_num(0.0)
        hole |= far <= (TOLERANCE if params.tolerance is None else params.tolerance)
    if not bool(hole.any()):
        if params.color is None:
            raise BadInput("no pixel of the picture is transparent", "say a color: color=#ff00ff")
        raise BadInput(
            f"no pixel of the picture has the color #{text}; the nearest is {float(far.min()):.2g}"
            " away in one of its channels",
            "check the color, or raise tolerance",
        )
    side = 2 * (GROW if params.grow is None else params.grow) + 1
    return F.max_pool2d(hole[None].float(), side, 1, side // 2)[0] == 0
