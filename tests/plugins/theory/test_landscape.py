"""The closed form against its own derivative, and against wide networks."""

import math

import pytest
import torch

from invprob_theory import landscape
from tests.plugins.theory.worlds import inputs, network

DEPTHS = (1, 2, 3, 4)
TRUTH = inputs(1, name="truth")[0]


@pytest.mark.parametrize("depth", DEPTHS)
def test_h_is_the_gradient_of_the_expected_loss(depth):
    z = inputs(50).requires_grad_()
    (slope,) = torch.autograd.grad(landscape.expected_loss(z, TRUTH, depth).sum(), z)
    h = landscape.expected_gradient(z.detach(), TRUTH, depth)
    assert torch.allclose(slope, h, atol=1e-12)


@pytest.mark.parametrize("depth", DEPTHS)
def test_h_vanishes_at_the_truth_and_at_its_mirror_and_nowhere_else(depth):
    # of one layer it is the origin, where h has no value but this limit
    rho = max(landscape.mirror(depth), 1e-9)
    places = torch.stack([TRUTH, -rho * TRUTH])
    assert float(landscape.expected_gradient(places, TRUTH, depth).norm(dim=1).max()) < 1e-6
    elsewhere = inputs(5000)
    away = torch.cdist(elsewhere, places).min(1).values > 0.3
    h = landscape.expected_gradient(elsewhere[away], TRUTH, depth)
    assert float(h.norm(dim=1).min()) > 0.01


def test_the_mirror_is_at_the_origin_for_one_layer_and_at_1_over_pi_for_two():
    assert landscape.mirror(1) == pytest.approx(0, abs=1e-15)
    assert landscape.mirror(2) == pytest.approx(1 / math.pi)
    assert 0 < landscape.mirror(2) < landscape.mirror(3) < landscape.mirror(4) < 1


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_wide_networks_have_these_losses_and_gradients(depth):
    """The mean over networks; its error is that of a Monte Carlo mean."""
    z, losses, slopes = inputs(4), [], []
    for seed in range(30):
        G = network(width=1000, depth=depth, seed=seed)
        leaf = z.clone().requires_grad_()
        loss = 0.5 * (G(leaf) - G(TRUTH[None])).square().flatten(1).sum(1)
        slopes.append(torch.autograd.grad(loss.sum(), leaf)[0])
        losses.append(loss.detach())
    for seen, exact in (
        (torch.stack(losses), landscape.expected_loss(z, TRUTH, depth)),
        (torch.stack(slopes), landscape.expected_gradient(z, TRUTH, depth)),
    ):
        error = seen.std(0) / math.sqrt(len(seen))
        # the angle is bent, so that finite width has a bias of 1/width besides
        assert bool(((seen.mean(0) - exact).abs() < 4 * error + 0.01).all())
