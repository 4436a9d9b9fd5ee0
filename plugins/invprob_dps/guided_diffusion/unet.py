"""The U-Net of guided diffusion: what its tensors tell of it, and the same in diffusers' terms.

Dhariwal & Nichol 2021, arXiv:2105.05233, section 3 and appendix: at each resolution some residual
blocks, at some resolutions each followed by attention; resampling by a residual block or by a
convolution; the same way up again with one block more, each seeing an output of the way down.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from invprob.errors import BadWeights

GROUPS = 32
UP = r"output_blocks\.\d{1,3}\.[12]\.(in_layers\.0|conv)\.weight"
HINT = "supported are unconditional U-Nets of images, as of Dhariwal & Nichol (arXiv:2105.05233)"


@dataclass(frozen=True)
class Architecture:
    """Levels are counted from the finest resolution, each half as wide as the one before.

    `widths` are the channels of each level, `blocks` its residual blocks on the way down, and
    `attention` the levels that have any. With `residual`, images are resampled in residual blocks.
    """

    inputs: int
    outputs: int
    widths: tuple[int, ...]
    blocks: int
    attention: tuple[int, ...]
    scale_shift: bool
    residual: bool

    @property
    def levels(self) -> int:
        return len(self.widths)


@dataclass(frozen=True)
class Heads:
    """How attention is divided: into heads of `channels`, or into `count` of them at any width.

    With `q_first` the rows of all heads' q stand first, then those of k and v; else head by head.
    """

    channels: int
    count: int | None = None
    q_first: bool = False

    def width(self, channels: int) -> int:
        """Channels of a head where attention is over `channels`; raises `BadWeights`."""
        if self.count is None and channels % self.channels:
            raise BadWeights(
                f"attention over {channels} channels has no heads of {self.channels}",
                "say the right number: --converter guided-diffusion:head_channels=…, or num_heads=…"
                " where their number is fixed",
            )
        if self.count is not None and channels % self.count:
            raise BadWeights(
                f"attention over {channels} channels has no {self.count} heads",
                "say the right number: --converter guided-diffusion:num_heads=…",
            )
        return channels // self.count if self.count else self.channels


def read(found: Mapping[str, Any]) -> Architecture:
    """The architecture that names and shapes tell; raises `BadWeights` for another network's."""
    if "label_emb.weight" in found:
        raise BadWeights("this diffusion model is conditional on classes", HINT)
    ups = [m for k in found if (m := re.fullmatch(UP, k))]
    levels, places = len(ups) + 1, _places(found, "input_blocks")
    if places != _places(found, "output_blocks") or places % levels or places == levels:
        raise BadWeights(
            f"{places} blocks down are not the mirror of those up, with {levels} levels", HINT
        )
    per_level = places // levels
    first = [f"input_blocks.{1 + level * per_level}" for level in range(levels)]
    widths = tuple(_shape(found, f"{at}.0.out_layers.3.weight", 4)[0] for at in first)
    arch = Architecture(
        inputs=_shape(found, "input_blocks.0.0.weight", 4)[1],
        outputs=_shape(found, "out.2.weight", 4)[0],
        widths=widths,
        blocks=per_level - 1,
        attention=tuple(i for i, at in enumerate(first) if f"{at}.1.qkv.weight" in found),
        scale_shift=_shape(found, f"{first[0]}.0.emb_layers.1.weight", 2)[0] != widths[0],
        residual=any(m[1] == "in_layers.0" for m in ups),
    )
    _check(arch, _shape(found, "time_embed.0.weight", 2)[1])
    return arch


def config(arch: Architecture, image_size: int, heads: Heads) -> dict[str, Any]:
    """The parameters of a UNet2DModel that computes the same; raises `BadWeights`.

    It knows one width of heads. Where they have several, it gets one that divides all, and the
    number of heads has to be set afterwards.
    """
    if image_size % 2 ** (arch.levels - 1):
        raise BadWeights(
            f"images of {image_size} pixels cannot be halved {arch.levels - 1} times",
            "say the right size: --converter guided-diffusion:image_size=…",
        )
    attending = {arch.widths[-1], *(arch.widths[level] for level in arch.attention)}
    head_widths = {heads.width(channels) for channels in sorted(attending)}
    plain = ("ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D")
    down, up = plain if arch.residual else ("DownBlock2D", "UpBlock2D")
    attended = [level in arch.attention for level in range(arch.levels)]
    resampling = "resnet" if arch.residual else "conv"
    return {
        "sample_size": image_size,
        "in_channels": arch.inputs,
        "out_channels": arch.outputs,
        "block_out_channels": list(arch.widths),
        "layers_per_block": arch.blocks,
        "down_block_types": ["AttnDownBlock2D" if yes else down for yes in attended],
        "up_block_types": ["AttnUpBlock2D" if yes else up for yes in reversed(attended)],
        "downsample_type": resampling,
        "upsample_type": resampling,
        "attention_head_dim": head_widths.pop() if len(head_widths) == 1 else GROUPS,
        "norm_num_groups": GROUPS,
        "attn_norm_num_groups": GROUPS,
        "norm_eps": 1e-5,
        "resnet_time_scale_shift": "scale_shift" if arch.scale_shift else "default",
        "flip_sin_to_cos": True,
        "freq_shift": 0,
    }


def _places(found: Mapping[str, Any], part: str) -> int:
    """How many numbered blocks there are; raises `BadWeights` if one between them is empty."""
    there = {int(m[1]) for k in found if (m := re.match(rf"{part}\.(\d{{1,3}})\.", k))}
    empty = sorted(set(range(max(there, default=0))) - there)
    if empty:
        raise BadWeights(
            f"{part}.{empty[0]} holds no tensors; diffusers cannot resample without weights",
            HINT,
        )
    return len(there)


def _check(arch: Architecture, embedded: int) -> None:
    """Raises `BadWeights` for what a UNet2DModel cannot express."""
    if arch.widths[0] != embedded:
        raise BadWeights(
            f"time is embedded in {embedded} numbers, the first level has {arch.widths[0]}"
            " channels; diffusers wants these equal",
            HINT,
        )
    if any(width % GROUPS for width in arch.widths):
        table = ", ".join(map(str, arch.widths))
        raise BadWeights(f"channels {table} are not all multiples of {GROUPS}", HINT)
    if arch.inputs not in (1, 3):
        raise BadWeights(f"the network takes {arch.inputs} channels, no grey or RGB image", HINT)
    if arch.outputs not in (arch.inputs, 2 * arch.inputs):
        raise BadWeights(
            f"the network makes {arch.outputs} channels of {arch.inputs}",
            f"{HINT}, with or without variances",
        )


def _shape(found: Mapping[str, Any], name: str, dimensions: int) -> tuple[int, ...]:
    value = found.get(name)
    if not isinstance(value, Tensor) or value.dim() != dimensions or value.numel() == 0:
        raise BadWeights(f"there is no tensor {name} of {dimensions} dimensions", HINT)
    return tuple(value.shape)
