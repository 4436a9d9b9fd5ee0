"""Stable names for the content of tensors and modules."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn


def digest(values: Tensor) -> int:
    """Name the numbers of a tensor.

    Args:
        values: A tensor of any shape; its numbers are read as float32.

    Returns:
        The first 32 bits of their SHA-256, the same on every machine.
    """
    raw = values.detach().cpu().float().contiguous().reshape(-1).view(torch.uint8).numpy()
    return int.from_bytes(hashlib.sha256(raw.data).digest()[:4], "little")


def of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Name tensors and their numbers.

    Args:
        tensors: Tensors by name.

    Returns:
        Eight hexadecimal digits; their order does not count.
    """
    words = [f"{name} {digest(tensors[name]):08x}" for name in sorted(tensors)]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]


def of_module(module: nn.Module) -> str:
    """Name the numbers (weights, masks, kernels) in a module.

    Args:
        module: A module, on any device.

    Returns:
        Eight hexadecimal digits; names of tensors do not count.
    """
    return format(digest(torch.tensor([digest(v) for v in module.state_dict().values()])), "08x")


def of_modules(*modules: nn.Module) -> str:
    """Hash all names and numbers (weights, masks, kernels) in some modules.

    Args:
        *modules: The modules, in order.

    Returns:
        A SHA-256 in hexadecimal digits.
    """
    content = hashlib.sha256()
    for module in modules:
        for name, value in module.state_dict().items():
            content.update(name.encode())
            content.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return content.hexdigest()
