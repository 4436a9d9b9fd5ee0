"""Pixel diffusions of images that are not square, or not of the size of the training."""

import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

from invprob.errors import BadParams
from invprob.weights import consent
from invprob_dps.prior import PixelDiffusion
from tests.weights.hub_server import serving


def written(folder, size):
    torch.manual_seed(0)
    net = UNet2DModel(
        sample_size=size,
        layers_per_block=1,
        block_out_channels=(8, 8),
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
    )
    DDPMPipeline(net, DDPMScheduler()).save_pretrained(folder)
    return folder


def test_a_network_of_oblong_images_is_read(tmp_path):
    model = PixelDiffusion.pretrained(written(tmp_path / "m", (8, 12)))
    assert model.image_shape == (3, 8, 12)
    u = torch.randn(1, 3, 8, 12)
    assert model.denoise(u, torch.tensor([0.5])).shape == u.shape


def test_a_size_of_its_own_is_taken_if_the_network_can_halve_it(tmp_path):
    folder = written(tmp_path / "m", 8)
    model = PixelDiffusion.pretrained(folder, width=20)
    assert model.image_shape == (3, 8, 20)
    u = torch.randn(1, 3, 8, 20)
    assert model.denoise(u, torch.tensor([0.5])).shape == u.shape
    with pytest.raises(BadParams, match="halves images 1 times, which 9×8 pixels") as caught:
        PixelDiffusion.pretrained(folder, width=9)
    assert caught.value.hint == "give sides that are multiples of 2"
    # blocks of pixels count too
    with pytest.raises(BadParams, match="halves images 3 times, which 72×64 pixels"):
        PixelDiffusion.pretrained("faces64-ddpm", width=72)


@pytest.mark.filterwarnings("ignore:fetching")
def test_a_model_of_the_hub_is_that_of_its_folder(tmp_path, monkeypatch):
    folder = written(tmp_path / "m", 8)
    content = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    with serving({name: path.read_bytes() for name, path in content.items()}) as hub:
        for name, value in (
            *(("HF_ENDPOINT", hub.address), ("NO_PROXY", "127.0.0.1"), (consent.ALLOW, "1")),
            ("INVPROB_CACHE", str(tmp_path / "cache")),
        ):
            monkeypatch.setenv(name, value)
        model = PixelDiffusion.pretrained("hf:some/model")
    own = PixelDiffusion.pretrained(folder)
    u, t = torch.randn(1, 3, 8, 8), torch.tensor([0.5])
    assert torch.equal(model.denoise(u, t), own.denoise(u, t))
