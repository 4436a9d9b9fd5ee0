"""Small random folders of latent diffusion, of flows and of consistency models, by diffusers."""

import json

import torch
from diffusers import (
    AutoencoderKL,
    CMStochasticIterativeScheduler,
    ConsistencyModelPipeline,
    DDIMScheduler,
    LDMPipeline,
    UNet2DModel,
    VQModel,
)

SIDE = 4


def unet(channels=3, side=SIDE, **more):
    torch.manual_seed(0)
    return UNet2DModel(
        sample_size=side,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=1,
        block_out_channels=(8,),
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        norm_num_groups=4,
        **more,
    ).eval()


def autoencoder(kind="VQModel", **more):
    """Of 8×8 pixels in 4×4 latents, of 3 channels (VQModel) or 4 (AutoencoderKL)."""
    torch.manual_seed(1)
    common = {
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "block_out_channels": (8, 8),
        "norm_num_groups": 4,
        "sample_size": 2 * SIDE,
        **more,
    }
    if kind == "VQModel":
        made = VQModel(latent_channels=3, num_vq_embeddings=16, **common)
        # codes as far apart as latents are
        made.quantize.embedding.weight.data.normal_()
        return made.eval()
    return AutoencoderKL(latent_channels=4, **common).eval()


def latent_pipeline(kind="VQModel", scheduler=None, **more):
    channels = 3 if kind == "VQModel" else 4
    scheduler = scheduler or DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False)
    return LDMPipeline(autoencoder(kind, **more), unet(channels), scheduler)


def consistency_pipeline(channels=3):
    return ConsistencyModelPipeline(unet(channels, 8), CMStochasticIterativeScheduler())


def change(path, drop=(), **values):
    told = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in told.items() if k not in drop} | values))
