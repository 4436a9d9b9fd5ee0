"""The arithmetic that is faster on this machine: measured once, kept in the user's cache."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from invprob.weights.estimates import kept

KIND = "precision"
BATCH, CHANNELS, SIDE, LAYERS, ROUNDS = 4, 128, 32, 3, 5
GAIN = 0.9
"""16 bits lose digits, so they have to take at most this part of the time."""


def fastest(device: torch.device | None) -> Literal["float32", "bfloat16"]:
    """Choose an arithmetic by the time of convolutions, forward and backward.

    Args:
        device: Where they are computed; None: on the CPU.

    Returns:
        ``bfloat16`` where it takes at most `GAIN` of the time of float32.
    """
    where = device or torch.device("cpu")
    name = machine(where)
    key = hashlib.sha256(name.encode()).hexdigest()[:16]
    seconds = kept(KIND, key, lambda: measure(where), machine=name)
    return "bfloat16" if seconds["bfloat16"] <= GAIN * seconds["float32"] else "float32"


def machine(device: torch.device) -> str:
    """Name what the times depend on: processor and its features or GPU, threads, torch.

    Args:
        device: Where is computed.

    Returns:
        A text, another one for another machine.
    """
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    told = [platform.machine(), platform.processor()]
    cpus = Path("/proc/cpuinfo")
    if cpus.is_file():
        lines = cpus.read_text(encoding="utf-8", errors="replace").splitlines()
        told += dict.fromkeys(line for line in lines if line.startswith(("model name", "flags")))
    threads = torch.get_num_threads()
    return f"{device.type}, {'; '.join(told)}, {threads} threads, torch {torch.__version__}"


def measure(device: torch.device) -> Mapping[str, Tensor]:
    """Measure both in turn.

    Args:
        device: Where is computed.

    Returns:
        The least seconds of ``float32`` and of ``bfloat16``, each ().
    """
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, CHANNELS, SIDE, SIDE, generator=rng).to(device).requires_grad_()
    weight = torch.randn(CHANNELS, CHANNELS, 3, 3, generator=rng).to(device) / CHANNELS
    seconds = {"float32": float("inf"), "bfloat16": float("inf")}
    for round_ in range(ROUNDS + 1):
        for name in seconds:
            taken = _pass(x, weight, name == "bfloat16")
            if round_:  # the first one chooses kernels
                seconds[name] = min(seconds[name], taken)
    return {name: torch.tensor(value) for name, value in seconds.items()}


def _pass(x: Tensor, weight: Tensor, narrow: bool) -> float:
    started = time.perf_counter()
    with torch.enable_grad(), torch.autocast(x.device.type, torch.bfloat16, enabled=narrow):
        h = x
        for _ in range(LAYERS):
            h = F.leaky_relu(F.conv2d(h, weight, padding=1), 0.2)
        total = h.float().square().mean()
    (gradient,) = torch.autograd.grad(total, x)
    float(gradient.sum())  # waits for a GPU
    return time.perf_counter() - started
