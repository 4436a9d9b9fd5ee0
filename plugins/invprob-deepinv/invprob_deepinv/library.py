"""The import of deepinv, which imports torchvision first (issue 936 of deepinv)."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import torch

from invprob.errors import BrokenPlugin

SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@cache
def deepinv() -> Any:
    """The module deepinv, imported when it is first used.

    A torchvision that was built for another torch defines no operators, and fails when it declares
    how they work on tensors without memory. deepinv uses none of them, so that it is enough to
    declare their signatures.

    Returns:
        The module.

    Raises:
        BrokenPlugin: If deepinv, or a package that it needs, is missing.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        declared()
    except ImportError:
        pass  # deepinv says so below
    try:
        return importlib.import_module("deepinv")
    except ImportError as error:
        raise BrokenPlugin(
            f"deepinv cannot be imported: {error}", "pip install invprob-deepinv, with torchvision"
        ) from None


@cache
def declared() -> tuple[torch.library.Library, ...]:
    """Declare the operators that torchvision asks for while it is imported.

    Returns:
        The declarations, which hold as long as they are kept.
    """
    made = []
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            made.append(torch.library.Library("torchvision", "FRAGMENT"))  # type: ignore[no-untyped-call]
            made[-1].define(f"{name}{SCHEMA}")  # type: ignore[no-untyped-call]
    return tuple(made)
