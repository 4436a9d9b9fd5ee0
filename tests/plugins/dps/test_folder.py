import json
import pickle
import shutil

import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

from invprob.errors import BadInput, BadWeights
from invprob.generator import Identity
from invprob_dps.folder import write_folder
from invprob_dps.folder_weights import NETWORK
from invprob_dps.params import PixelDiffusionParams
from invprob_dps.prior import PixelDiffusion
from tests.plugins.closed_form import Linear

SIDE = 16


def unet(channels=3, side=SIDE, **more):
    torch.manual_seed(0)
    return UNet2DModel(
        sample_size=side,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=1,
        block_out_channels=(16, 16),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=16,
        norm_num_groups=8,
        **more,
    )


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A folder as diffusers' own pipeline writes it, with its predictions ε."""
    folder = tmp_path_factory.mktemp("hub") / "ddpm"
    DDPMPipeline(unet(), DDPMScheduler(beta_schedule="linear")).save_pretrained(folder)
    return folder


@pytest.fixture
def copy(hub, tmp_path):
    return shutil.copytree(hub, tmp_path / "copy")


def test_a_folder_of_the_hub_gives_what_diffusers_computes(hub):
    model = PixelDiffusion.pretrained(hub)
    assert model.image_shape == (3, SIDE, SIDE)
    scheduler = DDPMScheduler.from_pretrained(hub / "scheduler")
    net = UNet2DModel.from_pretrained(hub / "unet")
    u = torch.randn(2, 3, SIDE, SIDE)
    for step in (0, 400, 999):
        predicted = net(u, step).sample
        bar = scheduler.alphas_cumprod[step]
        theirs = (u - (1 - bar).sqrt() * predicted) / bar.sqrt()
        ours = model.denoise(u, torch.full((2,), (step + 1) / 1000))
        assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_the_flat_layout_is_read_too(hub, tmp_path):
    shutil.copytree(hub / "unet", tmp_path / "flat")
    shutil.copy(hub / "scheduler" / "scheduler_config.json", tmp_path / "flat")
    shutil.copy(hub / "model_index.json", tmp_path / "flat")
    u, t = torch.randn(1, 3, SIDE, SIDE), torch.tensor([0.5])
    flat = PixelDiffusion.pretrained(tmp_path / "flat").denoise(u, t)
    assert torch.equal(flat, PixelDiffusion.pretrained(hub).denoise(u, t))


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
def test_every_prediction_denoises(prediction):
    """A network that answers 0: û_0 is u/α, 0 and α u."""
    scheduler = DDPMScheduler(prediction_type=prediction)
    model = PixelDiffusion(unet(), scheduler)
    for parameter in model.net.parameters():
        parameter.data.zero_()
    u, t = torch.randn(1, 3, SIDE, SIDE), torch.tensor([0.3])
    alpha = model.schedule(t)[0]
    factor = {"epsilon": 1 / alpha, "sample": 0 * alpha, "v_prediction": alpha}[prediction]
    assert torch.allclose(model.denoise(u, t), factor * u, atol=1e-5)


def test_the_schedule_is_that_of_the_scheduler():
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    model = PixelDiffusion(unet(), scheduler)
    t = (torch.arange(1000) + 1) / 1000
    alpha, sigma = model.schedule(t)
    # float32 times fall a rounding beside the steps
    assert torch.allclose(alpha**2, scheduler.alphas_cumprod, atol=1e-5)
    assert torch.allclose(alpha**2 + sigma**2, torch.ones(1000), atol=1e-6)
    assert model.schedule(torch.zeros(1)) == (1.0, 0.0)
    middle = model.schedule(torch.tensor([0.5005]))[0]
    assert model.schedule(t[500:501])[0] < middle < model.schedule(t[499:500])[0]


def test_what_is_written_is_read(tmp_path):
    scheduler = DDPMScheduler(prediction_type="v_prediction")
    model = PixelDiffusion(unet(12, 8).half().float(), scheduler, patch=2)
    write_folder(tmp_path / "m", model.net, scheduler, 2, {"kimg": 3})
    again = PixelDiffusion.pretrained(tmp_path / "m")
    assert again.image_shape == (3, 16, 16)
    u, t = torch.randn(1, 3, 16, 16), torch.tensor([0.7])
    assert torch.equal(again.denoise(u, t), model.denoise(u, t))
    assert json.loads((tmp_path / "m" / "model_index.json").read_text())["kimg"] == 3


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


def test_pickles_are_refused_and_never_run(copy, tmp_path):
    file = copy / "unet" / NETWORK
    file.write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(BadWeights, match="pickle"):
        PixelDiffusion.pretrained(copy)
    file.rename(file.with_name("diffusion_pytorch_model.bin"))
    with pytest.raises(BadWeights, match=r"\.bin is refused: it wants to call"):
        PixelDiffusion.pretrained(copy)
    (copy / "unet" / "diffusion_pytorch_model.bin").unlink()
    with pytest.raises(BadWeights, match=r"holds no diffusion_pytorch_model\.safetensors"):
        PixelDiffusion.pretrained(copy)
    assert not (tmp_path / "ran").exists()


def test_weights_that_do_not_fit_are_refused(copy):
    config = copy / "unet" / "config.json"
    told = json.loads(config.read_text())
    config.write_text(json.dumps({**told, "layers_per_block": 2}))
    with pytest.raises(BadWeights, match="do not fit its config"):
        PixelDiffusion.pretrained(copy)
    config.write_text(json.dumps({**told, "block_out_channels": [32, 32]}))
    with pytest.raises(BadWeights, match="copy"):
        PixelDiffusion.pretrained(copy)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"_class_name": "UNet2DConditionModel"}, "not UNet2DModel"),
        ({"num_class_embeds": 10}, "needs a class"),
        ({"norm_num_groups": 7}, "describes no pixel diffusion"),
    ],
)
def test_other_networks_are_refused(copy, change, says):
    config = copy / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **change}))
    with pytest.raises(BadWeights, match=says):
        PixelDiffusion.pretrained(copy)


@pytest.mark.parametrize("name", ["unet/config.json", "scheduler/scheduler_config.json"])
@pytest.mark.parametrize("text", ["{", "[]", None])
def test_damaged_configs_are_refused(copy, name, text):
    if text is None:
        (copy / name).unlink()
    else:
        (copy / name).write_text(text)
    with pytest.raises(BadWeights, match="config"):
        PixelDiffusion.pretrained(copy)


def test_names_paths_and_generators_are_checked(hub):
    found = PixelDiffusion.from_params(
        PixelDiffusionParams(weights=str(hub)), Identity((3, 16, 16)), 0
    )
    assert found.dtype == torch.float32
    half = PixelDiffusion.pretrained(hub, precision="bfloat16")
    u, t = torch.randn(1, 3, SIDE, SIDE), torch.tensor([0.5])
    assert half.denoise(u, t).dtype == torch.float32
    assert torch.allclose(half.denoise(u, t), found.denoise(u, t), atol=0.1)
    with pytest.raises(BadWeights, match="no diffusion model 'face64-ddpm'"):
        PixelDiffusion.pretrained("face64-ddpm")
    with pytest.raises(BadWeights, match="have sha256"):
        PixelDiffusion.pretrained(hub, sha256="0" * 64)
    with pytest.raises(BadInput, match="not over the latents"):
        PixelDiffusion.from_params(PixelDiffusionParams(weights=str(hub)), Linear(4), 0)
