"""Consistency models make pictures in one step."""

import pytest
import torch

from invprob.errors import BadWeights
from invprob_dps import Consistency, PixelDiffusion
from tests.plugins.dps.latent_folders import change, consistency_pipeline


@pytest.fixture
def folder(tmp_path):
    consistency_pipeline().save_pretrained(tmp_path / "cm")
    return tmp_path / "cm"


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_those_of_diffusers(tmp_path, channels):
    pipeline = consistency_pipeline(channels)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.save_pretrained(tmp_path / "cm")
    G = Consistency.pretrained(tmp_path / "cm")
    assert G.image_shape == (channels, 8, 8)
    z = G.sample(2, torch.Generator().manual_seed(2))
    scheduler = pipeline.scheduler
    scheduler.set_timesteps(1)
    (t,) = scheduler.timesteps
    with torch.no_grad():
        v = z * scheduler.init_noise_sigma
        out = pipeline.unet(scheduler.scale_model_input(v, t), t).sample
        theirs = scheduler.step(out, t, v).prev_sample / 2 + 0.5
    assert float((G(z).clamp(0, 1) - theirs).abs().max()) < 1e-5
    assert float(G(1e5 * z).max()) > 1, "gradients pass where they clip"
    assert Consistency.pretrained(tmp_path / "cm", precision="bfloat16")(z).dtype == torch.float32


@pytest.mark.parametrize(
    ("file", "values", "said"),
    [
        ("unet/config", {"num_class_embeds": 1000}, "needs a class"),
        ("unet/config", {"out_channels": 6}, "makes other channels than it takes"),
        ("model_index", {"text_encoder": ["transformers", "X"]}, "it needs a text"),
        ("model_index", {"_class_name": "LatentConsistencyModelPipeline"}, "by LatentConsistency"),
        ("scheduler/scheduler_config", {"_class_name": ["x"]}, "is .*a list"),
        ("scheduler/scheduler_config", {"_class_name": "DDPMScheduler"}, "CMStochasticIterative"),
        ("scheduler/scheduler_config", {"sigma_max": 0.001}, "not levels of noise"),
    ],
)
def test_others_are_refused_by_name(folder, file, values, said):
    change(folder / f"{file}.json", **values)
    with pytest.raises(BadWeights, match=said):
        Consistency.pretrained(folder)


def test_paths_are_checked_and_a_diffusion_says_where_it_is_read(folder):
    with pytest.raises(BadWeights, match="there is no consistency model 'nowhere'"):
        Consistency.pretrained("nowhere")
    with pytest.raises(BadWeights, match="is used by ConsistencyModelPipeline"):
        PixelDiffusion.pretrained(folder)
