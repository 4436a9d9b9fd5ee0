"""Stable names for the content of tensors and modules."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn


def digest(values: Tensor) -> int:
    """A stable 32-bit name for the numbers of a tensor."""
    raw = values.detach().cpu().float().contiguous().numpy().tobytes()
    return int.from_bytes(hashlib.sha256(raw).digest()[:4], "little")


def of_module(module: nn.Module) -> str:
    """A stable name for the numbers (weights, masks, kernels) in a module."""
    return format(digest(torch.tensor([digest(v) for v in module.state_dict().values()])), "08x")


def of_modules(*modules: nn.Module) -> str:
    """The SHA-256 of all names and numbers (weights, masks, kernels) in some modules."""
    content = hashlib.sha256()
    for module in modules:
        for name, value in module.state_dict().items():
            content.update(name.encode())
            content.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return content.hexdigest()
