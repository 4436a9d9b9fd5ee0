from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from invprob import seeds, tree


@dataclass(frozen=True)
class Pair:
    a: Tensor
    b: tuple[Tensor, ...]
    c: Tensor | None = None


def pair(rows: int = 3) -> Pair:
    return Pair(torch.arange(rows * 2.0).reshape(rows, 2), (torch.ones(rows, 1, 2, 2),))


def test_leaves_are_named_and_absent_ones_left_out():
    assert [name for name, _ in tree.items(pair())] == ["a", "b.0"]


def test_map_keeps_the_structure():
    doubled = tree.map(lambda u, v: u + v, pair(), pair())
    assert isinstance(doubled, Pair)
    assert torch.equal(doubled.a, 2 * pair().a)
    assert doubled.c is None


def test_unflatten_inverts_leaves():
    x = pair()
    again = tree.unflatten(x, tree.leaves(x))
    assert torch.equal(again.a, x.a)
    assert torch.equal(again.b[0], x.b[0])


def test_dot_is_per_element():
    x = pair()
    expected = (x.a**2).sum(1) + (x.b[0] ** 2).sum((1, 2, 3))
    assert torch.equal(tree.dot(x, x), expected)


def test_where_chooses_rows():
    mixed = tree.where(
        torch.tensor([True, False, True]), pair(), tree.map(torch.zeros_like, pair())
    )
    assert mixed.a[1].abs().sum() == 0
    assert torch.equal(mixed.a[2], pair().a[2])


def test_what_is_no_tree_is_refused():
    with pytest.raises(TypeError, match="not a tree"):
        tree.map(lambda leaf: leaf, {"a": torch.ones(1)})


def test_a_draw_depends_on_its_key_and_path_only():
    together = seeds.normal_like(pair(3), [5, 6, 7], "purpose", 2)
    alone = seeds.normal_like(pair(1), [6], "purpose", 2)
    assert torch.equal(together.a[1:2], alone.a)
    assert torch.equal(together.b[0][1:2], alone.b[0])
    other = seeds.normal_like(pair(1), [6], "purpose", 3)
    assert not torch.equal(alone.a, other.a)


def test_streams_of_nearby_paths_differ():
    draws = {
        float(torch.rand((), generator=seeds.stream(s, "x", k)))
        for s in range(20)
        for k in range(20)
    }
    assert len(draws) == 400
