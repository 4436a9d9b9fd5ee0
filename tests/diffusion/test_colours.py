"""Denoisers of grey and of RGB images, each on images of the other kind."""

import pytest
import torch

from invprob.diffusion import colours


def weighed(x, sigma):
    """Channels times 1, 2, …, and plus the level."""
    return x * torch.arange(1.0, x.shape[1] + 1)[:, None, None] + sigma[:, None, None, None]


@pytest.mark.parametrize(
    ("channels", "own", "factors"),
    [(1, 3, [2]), (3, 1, [1, 1, 1]), (3, 3, [1, 2, 3]), (1, 1, [1]), (3, None, [1, 2, 3])],
)
def test_each_network_sees_the_channels_that_it_knows(channels, own, factors):
    def network(x, sigma):
        assert own is None or x.shape[1] == own
        return weighed(x, sigma)

    x, sigma = torch.rand(2, channels, 4, 5), torch.tensor([0.1, 0.2])
    expected = x * torch.tensor(factors)[:, None, None] + sigma[:, None, None, None]
    torch.testing.assert_close(colours.denoised(network, x, sigma, own), expected)
