"""What the configs in a folder of diffusers say, and whether it is what `PixelDiffusion` computes.

Read are unconditional models of pixels with the noise of DDPM (Ho et al., 2020, arXiv:2006.11239):
u_t = √ᾱ_t u_0 + √(1 − ᾱ_t) ε, asked at the steps t of the training. By which method others sample
from them does not matter. Everything else is refused by name.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusers import DDPMScheduler, UNet2DModel

from invprob.errors import BadWeights, shown

FAMILY = (
    *("DDPM", "DDPMParallel", "DDIM", "DDIMParallel", "DDIMInverse", "PNDM", "RePaint"),
    *("EulerDiscrete", "EulerAncestralDiscrete", "HeunDiscrete", "LMSDiscrete"),
    *("KDPM2Discrete", "KDPM2AncestralDiscrete", "DEISMultistep", "UniPCMultistep", "SA"),
    *("DPMSolverSinglestep", "DPMSolverMultistep", "DPMSolverMultistepInverse", "DPMSolverSDE"),
)
"""Schedulers that take a network to know the noise of DDPM at its steps, without their ending."""
PIPELINES = ("DDPMPipeline", "DDIMPipeline", "PNDMPipeline", "RePaintPipeline")
PREDICTIONS = ("epsilon", "sample", "v_prediction")
DISCRETE = {"use_flow_sigmas": False, "timestep_type": "discrete"}
"""Settings with which a scheduler of the family asks its network something else."""
MOST = 1_000_000
"""Steps of a training."""
BESIDE = ("vae", "vq", "movq", "text_encoder", "image_encoder")
NEEDED = (
    "needed is an unconditional DDPM over pixels: a UNet2DModel and a scheduler of DDPM's family"
)


def read_json(path: Path) -> dict[str, Any]:
    """A config; raises `BadWeights`."""
    if not path.is_file():
        raise BadWeights(
            f"there is no config {path}",
            "give the folder of the whole pipeline, with the network and its scheduler",
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadWeights(f"config {path} cannot be read: {error}", "diffusers writes one") from None
    if not isinstance(found, dict):
        raise BadWeights(f"{path} is not a config", "diffusers writes one")
    return found


def check_pipeline(folder: Path, index: Mapping[str, Any]) -> None:
    """Raises `BadWeights` if more than a network and a scheduler belong to a model.

    Args:
        folder: the folder of the pipeline.
        index: its model_index.json; empty where there is none.
    """
    parts = [k for k, v in index.items() if k[:1] != "_" and isinstance(v, list) and any(v)]
    folders = [path.name for path in sorted(folder.glob("*/")) if path.name.startswith(BESIDE)]
    for part in dict.fromkeys((*parts, *folders)):
        if part not in ("unet", "scheduler"):
            raise BadWeights(
                f"the model of {folder} has a part {shown(part)} besides its network: it is not one"
                " of pixels alone",
                NEEDED,
            )
    name = index.get("_class_name", PIPELINES[0])
    if name not in PIPELINES:
        raise BadWeights(
            f"the model of {folder} is used by {shown(name)}",
            f"read are models for {', '.join(PIPELINES)}; if this one is used alike, say so in"
            " model_index.json",
        )


def network(folder: Path, config: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    """The arguments of its UNet2DModel; raises `BadWeights`.

    Args:
        folder: for messages.
        config: what stands beside the weights.
        patch: side of the pixel blocks that the network sees, 1 unless we wrote the folder.
    """
    kind = config.get("_class_name", "no class")
    if kind != "UNet2DModel":
        raise BadWeights(f"the network of {folder} is {shown(kind)}, not UNet2DModel", NEEDED)
    if config.get("num_class_embeds") or config.get("class_embed_type"):
        raise BadWeights(f"the network of {folder} needs a class", "give an unconditional one")
    known = inspect.signature(UNet2DModel.__init__).parameters
    own = {k: v for k, v in config.items() if k in known}
    strange = sorted(
        k for k, v in config.items() if k[:1] != "_" and k not in own and v is not None
    )
    if strange:
        raise BadWeights(
            f"the network of {folder} has the setting {shown(strange[0])}, which UNet2DModel of"
            " diffusers here does not know",
            "install the diffusers that wrote it",
        )
    if (timing := own.get("time_embedding_type", "positional")) != "positional":
        raise BadWeights(
            f"the network of {folder} knows times by time_embedding_type {shown(timing)}",
            "supported is positional: the steps of DDPM",
        )
    if type(patch) is not int or patch < 1:
        raise BadWeights(f"patch of {folder} is {shown(patch)}, not a number of pixels", "")
    _check_channels(folder, own, patch)
    return {**own, "sample_size": _size(folder, own)}


def _check_channels(folder: Path, config: Mapping[str, Any], patch: int) -> None:
    inputs, outputs = config.get("in_channels", 3), config.get("out_channels", 3)
    if inputs not in (patch**2, 3 * patch**2):
        raise BadWeights(
            f"the network of {folder} takes {shown(inputs)} channels, not a grey or RGB picture of"
            " 1 or 3",
            NEEDED,
        )
    if outputs not in (inputs, 2 * inputs):
        raise BadWeights(
            f"the network of {folder} makes {shown(outputs)} channels of {inputs}",
            "needed are as many, or twice as many with learned variances",
        )


def _size(folder: Path, config: Mapping[str, Any]) -> int | tuple[int, int]:
    """The side of square pictures, or (height, width)."""
    size = config.get("sample_size")
    sides = tuple(size) if isinstance(size, list) and len(size) == 2 else (size, size)
    if any(type(side) is not int or side < 1 for side in sides):
        told = "does not say" if size is None else "does not understandably say"
        raise BadWeights(
            f"the network of {folder} {told} for which size of pictures it is",
            "write the side in pixels as sample_size into its config.json",
        )
    blocks = config.get("block_out_channels", ())
    halvings = len(blocks) - 1 if isinstance(blocks, list) else 0
    for side in sides:
        if side % 2 ** min(halvings, 30):
            raise BadWeights(
                f"the network of {folder} cannot halve pictures of {side} pixels {halvings} times",
                "sample_size in its config.json is wrong",
            )
    height, width = sides
    return height if height == width else (height, width)


def scheduler(folder: Path, config: Mapping[str, Any], index: Mapping[str, Any]) -> DDPMScheduler:
    """The noise levels and the prediction that a scheduler's config tells; raises `BadWeights`.

    Args:
        folder: for messages.
        config: of any scheduler; steps and rules of sampling in it are not ours.
        index: model_index.json, which names the scheduler's class too.
    """
    named = index.get("scheduler")
    classes = {config.get("_class_name"), named[-1] if isinstance(named, list) and named else None}
    for name in sorted(map(shown, classes - {None})):
        if name.removesuffix("Scheduler") not in FAMILY:
            raise BadWeights(
                f"the scheduler of {folder} is {name}, which is not of DDPM's family",
                "needed is the noise of DDPM, told by DDPMScheduler, DDIMScheduler, PNDMScheduler,"
                " EulerDiscreteScheduler, DPMSolverMultistepScheduler or another of their kind",
            )
    own_betas = config.get("trained_betas") is not None
    betas = ["trained_betas"] if own_betas else ["beta_start", "beta_end", "beta_schedule"]
    steps = config.get("num_train_timesteps", 1)
    if type(steps) is not int or not 1 <= steps <= MOST:
        raise BadWeights(f"the scheduler of {folder} has {shown(steps)} steps of training", "")
    wanted = ["num_train_timesteps", *betas]
    if missing := [key for key in wanted if config.get(key) is None]:
        raise BadWeights(
            f"the scheduler of {folder} does not say {', '.join(missing)}",
            "write what the network was trained with into scheduler_config.json",
        )
    for key, value in DISCRETE.items():
        if config.get(key, value) not in (value, None):
            raise BadWeights(
                f"the scheduler of {folder} has {key} {shown(config[key])}",
                "needed is a network that is asked at the steps of DDPM",
            )
    made = DDPMScheduler(
        **{key: config[key] for key in wanted},
        prediction_type=_prediction(folder, config),
        rescale_betas_zero_snr=bool(config.get("rescale_betas_zero_snr")),
    )
    _check_levels(folder, made)
    return made


def _prediction(folder: Path, config: Mapping[str, Any]) -> str:
    """What the network predicts; before diffusers 0.9 a switch said so, or nothing: then ε."""
    old = "sample" if config.get("predict_epsilon") is False else "epsilon"
    told = config.get("prediction_type") or old
    if told not in PREDICTIONS:
        raise BadWeights(
            f"the network of {folder} predicts {shown(told)}",
            f"supported are {', '.join(PREDICTIONS)}",
        )
    return str(told)


def check_variances(folder: Path, network: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raises `BadWeights` if a network makes more than its scheduler's config knows of."""
    doubled = network.get("in_channels", 3) != network.get("out_channels", 3)
    if doubled and config.get("variance_type") not in ("learned", "learned_range"):
        raise BadWeights(
            f"the network of {folder} makes twice the channels of a picture, and its scheduler does"
            " not say that variances are learned",
            "if they are, write variance_type learned_range into scheduler_config.json",
        )


def _check_levels(folder: Path, made: DDPMScheduler) -> None:
    betas, steps = made.betas, made.config["num_train_timesteps"]
    if len(betas) != steps or not bool(((betas > 0) & (betas <= 1)).all()):
        raise BadWeights(
            f"the noise of {folder} does not grow from step to step over {steps} steps",
            "the numbers β in scheduler_config.json are wrong",
        )
    if made.config["prediction_type"] == "epsilon" and float(made.alphas_cumprod[-1]) == 0:
        raise BadWeights(
            f"the network of {folder} predicts the noise where there is nothing else (zero terminal"
            " SNR), which says nothing of the picture",
            "with rescale_betas_zero_snr a network must predict v or the sample",
        )
