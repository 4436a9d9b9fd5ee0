"""Pictures to try things out on, which come with invprob."""

from __future__ import annotations

import torch
from torch import Tensor

from invprob.errors import BadInput
from invprob.io import images


def faces(count: int = 2) -> Tensor:
    """Rendered faces; nobody is shown. `invprob/io/samples/ATTRIBUTION.md` says how they were made.

    Args:
        count: How many; they come in a fixed order.

    Returns:
        Images (count, 3, 64, 64) in [0, 1].

    Raises:
        BadInput: If there are fewer, or `count` is below 1.
    """
    files = images.bundled()
    if not 1 <= count <= len(files):
        raise BadInput(f"{count} faces are asked for", f"there are {len(files)}")
    return torch.stack([file.read(3) for file in files[:count]])
