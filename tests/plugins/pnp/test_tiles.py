"""Denoising by tiles is denoising of the whole."""

import pytest
import torch

from invprob import seeds
from invprob.errors import BadParams
from invprob_pnp import Photo, tiles
from invprob_pnp.denoiser.network import Network, Size
from invprob_pnp.published.networks import BiasFree, DRUNet, FFDNet

NETWORKS = {
    "ours": lambda: Network(Size(3, 2, (8, 12, 16), (2, 1, 1))),
    "FFDNet": lambda: FFDNet(3, 8, 4),
    "DRUNet": lambda: DRUNet(3, [4, 8], 1),
    "BF-CNN": lambda: BiasFree(3, 8, 4),
}


@pytest.fixture(params=NETWORKS)
def network(request):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return NETWORKS[request.param]().eval().requires_grad_(False)


@pytest.mark.parametrize("size", [(203, 157), (100, 430)])
def test_tiles_give_what_the_whole_gives(network, size, monkeypatch):
    x = torch.rand((2, 3, *size), generator=seeds.stream(0))
    sigma = torch.tensor([0.1, 0.05])
    whole = network(x, sigma)
    side = network.multiple * 4 + 2 * network.margin
    monkeypatch.setattr(network, "footprint", tiles.MIB // side**2)
    sizes = []
    network.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[2:]))
    cut = tiles.denoise(network, x, sigma, 1)
    assert len(sizes) > len(x)
    assert max(h * w for h, w in sizes) <= side**2 * 1.01
    assert float((cut - whole).abs().max()) < 1e-5


def test_what_a_network_sees_is_no_more_than_it_says(network):
    """The gradient of one output vanishes beyond the reach and its block."""
    side = 2 * network.margin + 3 * network.multiple
    x = torch.rand((1, 3, side, side), generator=seeds.stream(1)).requires_grad_()
    at = network.margin + network.multiple
    network(x, torch.tensor([0.1]))[0, :, at, at].sum().backward()
    rows = x.grad[0].abs().sum((0, 2)).nonzero()
    assert int(rows.max()) < at + network.margin
    assert int(rows.min()) >= at - network.margin


def test_a_bound_too_small_is_refused_with_one_that_is_not(network, monkeypatch):
    monkeypatch.setattr(network, "footprint", tiles.MIB)
    with pytest.raises(BadParams, match="memory=1 MiB is too little") as caught:
        tiles.denoise(network, torch.rand(1, 3, 40, 40), torch.tensor([0.1]), 1)
    assert "or more" in caught.value.hint


def test_margins_cost_little():
    """Twelve megapixels, with the bundled network and its default of memory."""
    photo = Photo.pretrained()
    most = photo.memory * tiles.MIB // photo.network.footprint
    cores = list(tiles.plan((3000, 4000), photo.network, most))
    assert sum((b - t) * (r - c) for (t, b), (c, r) in cores) == 12_000_000
    margin = photo.network.margin
    assert max((b - t + 2 * margin) * (r - c + 2 * margin) for (t, b), (c, r) in cores) < 1.2 * most
    seen = sum(
        (min(3000, b + margin) - max(0, t - margin)) * (min(4000, r + margin) - max(0, c - margin))
        for (t, b), (c, r) in cores
    )
    assert seen < 1.35 * 12_000_000
