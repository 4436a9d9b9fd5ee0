"""What a scheduler's config says of the noise, and whether it is what `UNetDenoiser` computes.

Read is the noise of DDPM (Ho et al., 2020, arXiv:2006.11239), u_t = √ᾱ_t u_0 + √(1 − ᾱ_t) ε, and of
rectified flow (Liu et al., 2022, arXiv:2209.03003), u_t = (1 − t) u_0 + t ε, asked at the steps of
the training. By which method others sample from a model does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler

from invprob.errors import BadWeights, shown

FAMILY = (
    *("DDPM", "DDPMParallel", "DDIM", "DDIMParallel", "DDIMInverse", "PNDM", "RePaint"),
    *("EulerDiscrete", "EulerAncestralDiscrete", "HeunDiscrete", "LMSDiscrete"),
    *("KDPM2Discrete", "KDPM2AncestralDiscrete", "DEISMultistep", "UniPCMultistep", "SA"),
    *("DPMSolverSinglestep", "DPMSolverMultistep", "DPMSolverMultistepInverse", "DPMSolverSDE"),
)
"""Schedulers that take a network to know the noise of DDPM at its steps, without their ending."""
FLOW = "FlowMatchEulerDiscrete"
NoiseLevels: TypeAlias = DDPMScheduler | FlowMatchEulerDiscreteScheduler
PREDICTIONS = ("epsilon", "sample", "v_prediction")
DISCRETE = {"use_flow_sigmas": False, "timestep_type": "discrete"}
"""Settings with which a scheduler of the family asks its network something else."""
MOST = 1_000_000
"""Steps of a training."""


def read(folder: Path, config: Mapping[str, Any], index: Mapping[str, Any]) -> NoiseLevels:
    """The noise levels and the prediction that a scheduler's config tells; raises `BadWeights`.

    Args:
        folder: for messages.
        config: of any scheduler; steps and rules of sampling in it are not ours.
        index: model_index.json, which names the scheduler's class too.
    """
    names = classes(config, index)
    flow = names == {f"{FLOW}Scheduler"}
    for name in sorted(names):
        if not flow and name.removesuffix("Scheduler") not in FAMILY:
            raise BadWeights(
                f"the scheduler of {folder} is {name}, which is not of DDPM's family",
                "needed is the noise of DDPM, told by DDPMScheduler, DDIMScheduler, PNDMScheduler,"
                " EulerDiscreteScheduler, DPMSolverMultistepScheduler or another of their kind, or"
                f" that of {FLOW}Scheduler",
            )
    own_betas = config.get("trained_betas") is not None
    betas = ["trained_betas"] if own_betas else ["beta_start", "beta_end", "beta_schedule"]
    steps = config.get("num_train_timesteps", 1)
    if type(steps) is not int or not 1 <= steps <= MOST:
        raise BadWeights(f"the scheduler of {folder} has {shown(steps)} steps of training", "")
    if flow:
        return _flow(folder, config)
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


def classes(config: Mapping[str, Any], index: Mapping[str, Any]) -> set[str]:
    """How the class of a scheduler is called: once, unless its files contradict each other.

    Args:
        config: its own.
        index: model_index.json.
    """
    named = index.get("scheduler")
    beside = named[-1] if isinstance(named, list) and named else None
    return {shown(name) for name in (config.get("_class_name"), beside) if name is not None}


def _flow(folder: Path, config: Mapping[str, Any]) -> FlowMatchEulerDiscreteScheduler:
    """Rectified flow; the shift of its times is a matter of sampling."""
    if config.get("num_train_timesteps") is None:
        raise BadWeights(
            f"the scheduler of {folder} does not say num_train_timesteps",
            "write what the network was trained with into scheduler_config.json",
        )
    if config.get("invert_sigmas"):
        raise BadWeights(
            f"the scheduler of {folder} has invert_sigmas {shown(config['invert_sigmas'])}",
            "needed is a flow whose time 0 is the picture",
        )
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=config["num_train_timesteps"])


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
