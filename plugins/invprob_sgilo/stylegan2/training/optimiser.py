"""Adam for networks that are regularised at some of the steps, and after another training's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn


def adam(net: nn.Module, lr: float, every: int | None) -> torch.optim.Adam:
    """Adam as lazy regularisation needs it (Karras et al., 2020, arXiv:1912.04958).

    Args:
        net: The network.
        lr: The step size.
        every: Steps between those that regularise; None: none does.

    Returns:
        The optimiser, which sees fewer, larger regularising steps.
    """
    c = every / (every + 1) if every else 1.0
    return torch.optim.Adam(net.parameters(), lr=lr * c, betas=(0.0, 0.99**c), eps=1e-8)


@contextmanager
def keeping_rates(optimisers: Iterable[torch.optim.Optimizer]) -> Iterator[None]:
    """Let optimisers load what another training saved, but for its step sizes and decays.

    Args:
        optimisers: The optimisers of this training.

    Yields:
        Nothing; they load in between.
    """
    asked = [(which, which.state_dict()["param_groups"]) for which in optimisers]
    yield
    for which, groups in asked:
        which.load_state_dict({**which.state_dict(), "param_groups": groups})
