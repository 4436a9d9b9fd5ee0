"""U-Nets of guided diffusion, of DPS and of others in their layout: bare state dicts."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from invprob.converter import Converted, Converter, alone, require, unwrapped
from invprob.errors import BadWeights
from invprob_dps.guided_diffusion import unet
from invprob_dps.guided_diffusion.tensors import rules
from invprob_dps.guided_diffusion.unet import Architecture, Heads
from invprob_dps.params import GuidedDiffusionParams

MARKS = {
    *("time_embed.0.weight", "input_blocks.0.0.weight", "middle_block.0.in_layers.0.weight"),
    *("output_blocks.0.0.in_layers.0.weight", "out.2.weight"),
}


class GuidedDiffusion(Converter):
    """Reads the state dict, bare or as an entry, with or without nn.DataParallel's prefix."""

    params: GuidedDiffusionParams

    def recognise(self, tree: Any) -> bool:
        return alone(tree, _fits) is not None

    def convert(self, tree: Any) -> Converted:
        found = unwrapped(alone(tree, _fits))
        arch, params = unet.read(found), self.params
        heads = _heads(params)
        config = unet.config(arch, params.image_size, heads)
        what = _summary(arch, params.image_size)
        table = list(rules(arch))
        tensors = require({rule.source: rule.shape for rule in table}, found, what)
        own: dict[str, Tensor] = {}
        for rule in table:
            value = tensors[rule.source]
            if not bool(value.float().isfinite().all()):
                raise BadWeights(f"tensor {rule.source} holds numbers that are not finite", "")
            own |= rule.made(value, heads)
        metadata: dict[str, object] = {
            "kind": "pixel-diffusion",
            "config": config,
            "scheduler": _scheduler(params),
        }
        if heads.count is not None:
            metadata["heads"] = heads.count
        if assumed := _assumed(params):
            what, metadata["assumed"] = f"{what}; assumed: {assumed}", assumed
        return Converted(what, own, metadata)


def _fits(tree: Any) -> bool:
    return isinstance(tree, dict) and unwrapped(tree).keys() >= MARKS


def _heads(params: GuidedDiffusionParams) -> Heads:
    if params.num_heads is not None and "head_channels" in params.model_fields_set:
        raise BadWeights(
            "head_channels and num_heads are both given", "give the one that the training fixed"
        )
    return Heads(params.head_channels, params.num_heads, params.attention_order == "new")


def _assumed(params: GuidedDiffusionParams) -> str:
    """What the tensors do not tell, and the user did not say."""
    said = params.model_fields_set | {"num_heads"}
    if params.num_heads is not None:
        said = said | {"head_channels"}
    return ", ".join(f"{k}={v}" for k, v in params.model_dump().items() if k not in said)


def _summary(arch: Architecture, side: int) -> str:
    attended = ", ".join(str(side // 2**level) for level in arch.attention)
    return (
        f"U-Net of guided diffusion, {arch.inputs}×{side}×{side}, channels"
        f" {', '.join(map(str, arch.widths))}, {arch.blocks} residual blocks per level, attention"
        f" {f'at {attended} pixels' if attended else 'in the middle'}"
        f"{', learned variances' if arch.outputs > arch.inputs else ''}"
    )


def _scheduler(params: GuidedDiffusionParams) -> dict[str, Any]:
    """Noise ε is predicted; a linear β runs as far in any number of steps as in 1000."""
    common = {"num_train_timesteps": params.steps, "prediction_type": "epsilon"}
    if params.schedule == "cosine":
        return {**common, "beta_schedule": "squaredcos_cap_v2"}
    ends = {"beta_start": 0.1 / params.steps, "beta_end": 20 / params.steps}
    return {**common, "beta_schedule": "linear", **ends}
