"""Latents say what their leaves are."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from invprob.generator import Latent
from invprob.latents import roles


@dataclass(frozen=True)
class Carry(Latent):
    roles: ClassVar = {"w": "codes", "noise": "noise"}

    w: Tensor
    noise: tuple[Tensor, ...]
    h: Tensor | None = None


def carry(h=None):
    return Carry(torch.ones(2, 3), (torch.ones(2, 1, 4, 4), torch.ones(2, 1, 8, 8)), h)


def test_leaves_have_the_role_of_their_field():
    assert roles.of_leaves(carry()) == ["codes", "noise", "noise"]
    assert roles.of_leaves(torch.ones(2, 3)) == ["codes"]


def test_what_is_not_declared_holds_features():
    assert roles.of_leaves(carry(torch.ones(2, 5, 4, 4)))[-1] == "features"


def test_a_function_of_the_role_is_applied_leaf_by_leaf():
    x = roles.map(lambda role, a, b: a + b if role == "noise" else a, carry(), carry())
    assert float(x.w.max()) == 1
    assert [float(leaf.max()) for leaf in x.noise] == [2, 2]
    assert x.h is None
