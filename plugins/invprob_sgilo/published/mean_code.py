"""The mean style code of a mapping network, where a published file does not hold it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from invprob import seeds
from invprob.weights.estimates import kept
from invprob_sgilo.stylegan2.network import Architecture
from invprob_sgilo.stylegan2.network import Mapping as MappingNetwork

DRAWS = 2**16
NOTE = f"estimated from {DRAWS} draws"


def mean_code(arch: Architecture, tensors: Mapping[str, Tensor]) -> Tensor:
    """The mean of w over `DRAWS` draws of z, always the same ones.

    Args:
        arch: the generator's sizes.
        tensors: its weights in our names, those of the mapping network among them.

    Returns:
        The mean (w_dim,), computed on first use and kept in the cache.
    """
    own = {k.removeprefix("mapping."): v for k, v in tensors.items() if k.startswith("mapping.")}
    digest = hashlib.sha256()
    for name, value in sorted(own.items()):
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().numpy().tobytes())

    def estimate() -> dict[str, Tensor]:
        net = MappingNetwork(arch, seeds.stream("mapping"))
        net.load_state_dict(own)
        rng, total = seeds.stream("mean code"), torch.zeros(arch.w_dim, dtype=torch.float64)
        with torch.no_grad():
            for _ in range(DRAWS // 1024):
                total += net(torch.randn(1024, arch.z_dim, generator=rng)).double().sum(0)
        return {"w_mean": (total / DRAWS).float()}

    return kept("mean-code", digest.hexdigest(), estimate, draws=DRAWS)["w_mean"]
