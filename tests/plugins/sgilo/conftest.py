import pytest
import torch

from invprob.io import images
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Architecture

ARCH = Architecture(resolution=32, channel_base=64, channel_max=8, z_dim=8, w_dim=8)


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory):
    """A tiny StyleGAN-2 of random weights."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    G = StyleGAN2(ARCH, seed=5)
    for name, parameter in G.named_parameters():
        if name.endswith("strength"):
            parameter.data.fill_(0.1)
    G.save(path, {"kimg": 0})
    return path


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory):
    """Twenty pictures of 32×32: discs of several colours and sizes."""
    folder = tmp_path_factory.mktemp("pictures")
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    for i in range(20):
        rng = torch.Generator().manual_seed(i)
        colour, radius = torch.rand(3, 1, 1, generator=rng), 5 + 8 * torch.rand((), generator=rng)
        inside = ((x - 16) ** 2 + (y - 16) ** 2 < radius**2).float()
        images.write_png(folder / f"{i:02d}.png", colour * inside + 0.9 * (1 - inside))
    return folder
