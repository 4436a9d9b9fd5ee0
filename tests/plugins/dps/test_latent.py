"""Latent diffusion on disk: the decoder is a generator, its U-Net the score of the latents."""

import shutil

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from invprob.diffusion import samplers
from invprob.diffusion.params import SamplerParams
from invprob.errors import BadWeights, Incompatible
from invprob_dps import LatentDecoder, LatentDiffusion, PixelDiffusion
from tests.plugins.closed_form import Linear
from tests.plugins.dps.latent_folders import SIDE, autoencoder, change, latent_pipeline

KINDS = {"VQModel": "vqvae", "AutoencoderKL": "vae"}


@pytest.fixture(scope="module", params=KINDS)
def ldm(request, tmp_path_factory):
    """A folder as LDMPipeline writes it, and the pipeline; that of AutoencoderKL has vae/."""
    folder = tmp_path_factory.mktemp("hub") / request.param
    pipeline = latent_pipeline(request.param)
    pipeline.save_pretrained(folder)
    if request.param == "AutoencoderKL":
        (folder / "vqvae").rename(folder / "vae")
        change(folder / "model_index.json", ["vqvae"], vae=["diffusers", "AutoencoderKL"])
    return folder, pipeline


@pytest.fixture
def copy(tmp_path):
    latent_pipeline().save_pretrained(tmp_path / "ldm")
    return tmp_path / "ldm"


def latents(G, batch=2):
    return G.sample(batch, torch.Generator().manual_seed(3))


def test_images_are_those_of_diffusers(ldm):
    folder, pipeline = ldm
    G = LatentDecoder.pretrained(folder)
    channels = 3 if folder.name == "VQModel" else 4
    assert G.latent_shape == (channels, SIDE, SIDE)
    assert G.image_shape == (3, 2 * SIDE, 2 * SIDE)
    assert G.assumed == ""
    z = latents(G)
    with torch.no_grad():
        theirs = pipeline.vqvae.decode(z / pipeline.vqvae.config.scaling_factor).sample / 2 + 0.5
    assert float((G(z) - theirs).abs().max()) < 1e-5
    whole = LatentDecoder.pretrained(folder, precision="bfloat16")(z)
    assert whole.dtype == torch.float32
    assert float((whole - theirs).abs().max()) < 0.3


def test_the_score_is_that_of_diffusers(ldm):
    folder, pipeline = ldm
    G = LatentDecoder.pretrained(folder)
    prior = LatentDiffusion.pretrained(generator=G)
    u = latents(G)
    for step in (0, 400, 999):
        with torch.no_grad():
            noise = pipeline.unet(u, step).sample
        bar = pipeline.scheduler.alphas_cumprod[step]
        theirs = -noise / (1 - bar).sqrt()
        ours = prior.score(u, torch.full((2,), (step + 1) / 1000))
        assert float((ours / theirs - 1).abs().max()) < 1e-3
        assert float((ours * (1 - bar).sqrt() + noise).abs().max()) < 1e-3


def test_a_sampler_of_ours_makes_the_picture_of_their_pipeline(ldm):
    """DDIM of 4 steps from the same noise, through both networks."""
    folder, pipeline = ldm
    G = LatentDecoder.pretrained(folder)
    prior = LatentDiffusion.pretrained(generator=G)
    drawn = torch.Generator().manual_seed(7)
    pipeline.set_progress_bar_config(disable=True)
    with torch.no_grad():
        theirs = pipeline(generator=drawn, num_inference_steps=4, output_type="np").images
        u = torch.randn((1, *G.latent_shape), generator=torch.Generator().manual_seed(7))
        for step in (750, 500, 250, 0):
            t, to = (torch.tensor([(s + 1) / 1000]) for s in (step, step - 250))
            clean = prior.denoise(u, t)
            (a, s), (b, r) = prior.schedule(t), prior.schedule(to.clamp_min(0.001))
            u = b * clean + r * (u - a * clean) / s
    ours = G(u).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    assert abs(ours - theirs).max() < 1e-3


def test_the_gradient_passes_the_codes_and_codes_can_be_left_out(tmp_path):
    folder = tmp_path / "ldm"
    pipeline = latent_pipeline()
    pipeline.save_pretrained(folder)
    G = LatentDecoder.pretrained(folder)
    z = latents(G).requires_grad_()
    (slope,) = torch.autograd.grad(G(z).sum(), z)
    assert bool((slope != 0).any())
    free = LatentDecoder.pretrained(folder, quantize=False)
    with torch.no_grad():
        raw = z / pipeline.vqvae.config.scaling_factor
        theirs = pipeline.vqvae.decode(raw, force_not_quantize=True).sample / 2 + 0.5
        assert float((free(z) - theirs).abs().max()) < 1e-5
        assert float((free(z) - G(z)).abs().max()) > 1e-3


def test_an_autoencoder_alone_is_a_generator_and_its_shift_counts(tmp_path):
    vae = autoencoder("AutoencoderKL", shift_factor=0.4, scaling_factor=0.7)
    vae.save_pretrained(tmp_path / "vae")
    G = LatentDecoder.pretrained(tmp_path / "vae")
    z = latents(G)
    with torch.no_grad():
        theirs = vae.decode(z / 0.7 + 0.4).sample / 2 + 0.5
        assert float((G(z) - theirs).abs().max()) < 1e-5
    with pytest.raises(BadWeights, match="has no vqvae or vae beside its network"):
        LatentDiffusion.pretrained(generator=G)


@pytest.mark.parametrize(("size", "told"), [(0, "0×0"), (1, "1×1"), ([8], "a list")])
def test_an_autoencoder_alone_must_say_its_size(tmp_path, size, told):
    autoencoder("AutoencoderKL").save_pretrained(tmp_path / "vae")
    change(tmp_path / "vae" / "config.json", sample_size=size)
    with pytest.raises(BadWeights, match=f"sample_size of .* is .*{told}"):
        LatentDecoder.pretrained(tmp_path / "vae")


def test_a_flow_over_latents_is_read(tmp_path):
    latent_pipeline(scheduler=FlowMatchEulerDiscreteScheduler()).save_pretrained(tmp_path / "f")
    prior = LatentDiffusion.pretrained(generator=LatentDecoder.pretrained(tmp_path / "f"))
    u = torch.randn(1, 3, SIDE, SIDE)
    drawn = samplers.reverse(prior, u, [3], SamplerParams(steps=3))
    assert bool(drawn.isfinite().all())


def test_a_scale_that_is_not_said_is_reported_as_assumed(copy):
    change(copy / "vqvae" / "config.json", ["scaling_factor"])
    for values in ({}, {"scaling_factor": None}):
        change(copy / "vqvae" / "config.json", **values)
        decoder = LatentDecoder.pretrained(copy)
        assert decoder.assumed == "scaling_factor 0.18215, as in diffusers"
        assert decoder.scale == 0.18215


@pytest.mark.parametrize(
    ("file", "values", "said"),
    [
        ("model_index", {"text_encoder": ["transformers", "CLIPTextModel"]}, "it needs a text"),
        ("model_index", {"tokenizer": ["transformers", "CLIPTokenizer"]}, "it needs a text"),
        ("model_index", {"transformer": ["diffusers", "DiT"]}, "has a part transformer"),
        ("model_index", {"_class_name": "StableDiffusionPipeline"}, "by StableDiffusionPipeline"),
        ("unet/config", {"num_class_embeds": 10}, "needs a class"),
        ("unet/config", {"_class_name": "UNet2DConditionModel"}, "is UNet2DConditionModel"),
        ("unet/config", {"in_channels": 5}, "takes 5 channels, and its decoder 3"),
        (
            "vqvae/config",
            {"_class_name": "AutoencoderTiny"},
            "the decoder of .* is AutoencoderTiny",
        ),
        ("vqvae/config", {"out_channels": 4}, "makes 4 channels"),
        ("vqvae/config", {"scaling_factor": "x"}, "scaling_factor of .* is x, not a number"),
        ("vqvae/config", {"scaling_factor": -1}, "is -1, not above 0"),
        ("vqvae/config", {"scaling_factor": 0}, "is 0, not above 0"),
        ("vqvae/config", {"_class_name": ["VQModel"]}, "the decoder of .* is a list"),
        ("vqvae/config", {"latents_mean": [0]}, "has latents_mean"),
        ("vqvae/config", {"norm_num_groups": 7}, "describes no autoencoder"),
        ("vqvae/config", {"layers_per_block": 2}, "do not fit its config"),
        ("vqvae/config", {"gated": True}, "has the setting gated, which VQModel"),
    ],
)
def test_what_is_not_here_is_refused_by_name(copy, file, values, said):
    change(copy / f"{file}.json", **values)
    with pytest.raises(BadWeights, match=said):
        LatentDecoder.pretrained(copy)


def test_the_score_is_refused_where_it_does_not_belong(copy, tmp_path):
    G = LatentDecoder.pretrained(copy)
    with pytest.raises(Incompatible, match="latents of latent-decoder"):
        LatentDiffusion.pretrained(generator=Linear(4))
    other = tmp_path / "other"
    latent_pipeline("AutoencoderKL").save_pretrained(other)
    with pytest.raises(Incompatible, match=r"is for latents \(4, 4, 4\)"):
        LatentDiffusion.pretrained(other, generator=G)
    G.source = None
    with pytest.raises(Incompatible, match="was read from a folder"):
        LatentDiffusion.pretrained(generator=G)
    shutil.rmtree(copy / "vqvae")
    with pytest.raises(BadWeights, match="has no vqvae or vae"):
        LatentDiffusion.pretrained(copy, generator=G)
    with pytest.raises(BadWeights, match="there is no latent diffusion 'nowhere'"):
        LatentDecoder.pretrained("nowhere")
    with pytest.raises(
        BadWeights, match=r"has a part vqvae besides its network: it is not one of pixels"
    ):
        PixelDiffusion.pretrained(other)
