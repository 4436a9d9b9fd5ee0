"""The pictures of a report: truth, measurement, and what each method made of it.

They are read one by one, and shown as small and as few as keeps the page of a size that opens: a
suite may have hundreds of photographs.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from invprob.bench.grid import Cell
from invprob.bench.store import Figures, Store
from invprob.config.registry import Registry
from invprob.io import images
from invprob.plots.layout import colour
from invprob.runs import build

MOST = 12
"""The most images of a task."""
PIXELS = 5 * 256 * 256
"""All of them together have at most so many pixels, or there is one."""
SIDE = 256
"""Larger ones are reduced until no side is longer."""
ERROR = 0.25
"""The absolute error that ends the colour scale of error maps."""


Entry = dict[str, Any]


def entries(found: Mapping[Cell, Figures], store: Store, registry: Registry) -> list[Entry]:
    """Make the pictures of a report.

    Args:
        found: The finished cells, and their figures.
        store: Where they are kept.
        registry: The components.

    Returns:
        An entry for each measurement that is shown: task, image and seed, and PNG files as
        ``data:`` addresses, those of the methods with their PSNR.
    """
    by_problem: dict[tuple[str, str, int], list[Cell]] = {}
    for cell in found:
        by_problem.setdefault((cell.task.name, cell.image, cell.seed), []).append(cell)
    shown: dict[str, list[int]] = {}
    made = []
    for (task, image, seed), cells in by_problem.items():
        pixels = shown.setdefault(task, [])
        if len(pixels) == MOST or (pixels and sum(pixels) + max(pixels) > PIXELS):
            continue
        truth, y = cells[0].measured.read()
        A = build.operator(cells[0].experiment, registry, tuple(truth.shape), torch.device("cpu"))
        with torch.no_grad():
            observed = A.observed(y[None])[0]
        pixels.append(_reduced(truth)[0].numel())
        about = {"task": task, "image": image, "seed": seed}
        given = {"truth": _png(truth), "measurement": _png(observed)}
        methods = {cell.method: _method(cell, truth, store) for cell in cells}
        made.append(about | given | {"methods": methods})
    return made


def _method(cell: Cell, truth: Tensor, store: Store) -> Entry:
    found = store.get(cell.key)
    assert found is not None  # its figures were read from there
    mean = found.pictures["mean"].float()
    wrong = (mean - truth).abs().mean(0, keepdim=True) / ERROR
    return {
        "mean": _png(mean),
        "sample": _png(found.pictures["sample"].float()),
        "error": _data(colour(_reduced(wrong)[0])),
        "psnr": found.figures["psnr_mean"],
        "drawn": "crps" in found.figures,
    }


def _reduced(picture: Tensor) -> Tensor:
    """A picture (C, H, W) with no side over `SIDE`, of means over areas."""
    height, width = picture.shape[-2:]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(scale * height)), max(1, round(scale * width)))
    return F.interpolate(picture[None], size, mode="area")[0]


def _png(picture: Tensor) -> str:
    return _data(images.to_pil(_reduced(torch.nan_to_num(picture)).clamp(0, 1)))


def _data(picture: Image.Image) -> str:
    packed = io.BytesIO()
    picture.save(packed, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode()
