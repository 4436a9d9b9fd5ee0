import pytest
import torch

from invprob.errors import BadParams
from invprob_theory.generator import RandomReLU
from tests.plugins.theory.worlds import inputs, network


def test_it_is_matrices_and_relu():
    G, z = network(width=30, depth=3), inputs(5)
    x = z
    for i in (1, 2, 3):
        x = (x @ G.get_buffer(f"weight{i}").T).clamp_min(0)
    assert torch.equal(G(z).flatten(1), x)


def test_weights_have_variance_two_over_the_width_and_keep_lengths():
    G, z = network(width=4000, depth=2), inputs(20)
    for i, width in ((1, 4000), (2, 4000)):
        assert float(G.get_buffer(f"weight{i}").var()) * width == pytest.approx(2, rel=0.02)
    assert torch.allclose(G(z).flatten(1).norm(dim=1), z.norm(dim=1), rtol=0.1)


def test_widths_grow_by_the_same_factor_unless_they_are_given():
    even = RandomReLU(latent=10, depth=3, image_shape=(1, 8, 10))
    assert even.widths == (10, 20, 40, 80)
    given = RandomReLU(latent=10, depth=3, image_shape=(1, 8, 10), widths=(50, 30))
    assert given.widths == (10, 50, 30, 80)


def test_the_seed_fixes_the_weights():
    one, same, other = (network(20, 2, seed=seed).get_buffer("weight1") for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_bad_parameters_get_a_sentence():
    with pytest.raises(BadParams, match="3 layers have 2 widths before the last, 1 are given"):
        RandomReLU(depth=3, widths="5")
    with pytest.raises(BadParams, match=r"widths 1000, 3145728 take 11\.7 GiB"):
        RandomReLU(latent=1000, depth=1, image_shape=(3, 1024, 1024))
