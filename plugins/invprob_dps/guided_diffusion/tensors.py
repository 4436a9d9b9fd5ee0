"""The tensors of a guided-diffusion U-Net, by their names there and in diffusers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from invprob_dps.guided_diffusion.unet import Architecture, Heads


@dataclass(frozen=True)
class Rule:
    """A tensor there, its shape, and its name here; q, k and v stand in one there."""

    source: str
    shape: tuple[int, ...]
    names: tuple[str] | tuple[str, str, str]

    def made(self, value: Tensor, heads: Heads) -> Iterator[tuple[str, Tensor]]:
        """(name, float32 tensor) of each tensor here.

        Attention convolves in one dimension there and multiplies matrices here. Rows of q, k and v
        alternate head by head: those of q of the first head, of its k, its v, of q of the second;
        or all rows of q stand first.
        """
        flat = value.float().squeeze(2) if value.dim() == 3 else value.float()
        if len(self.names) == 1:
            yield self.names[0], flat
            return
        channels = len(flat) // 3
        width = channels if heads.q_first else heads.width(channels)
        parts = flat.reshape(-1, 3, width, *flat.shape[1:]).unbind(1)
        yield from (
            (name, part.flatten(0, 1)) for name, part in zip(self.names, parts, strict=True)
        )


def rules(arch: Architecture) -> Iterator[Rule]:
    """A rule for every tensor."""
    first, last, time = arch.widths[0], arch.widths[-1], 4 * arch.widths[0]
    yield from _pair("time_embed.0", "time_embedding.linear_1", time, first)
    yield from _pair("time_embed.2", "time_embedding.linear_2", time, time)
    yield from _pair("input_blocks.0.0", "conv_in", first, arch.inputs, 3, 3)
    yield from _down(arch)
    for there, here in (("0", "resnets.0"), ("2", "resnets.1")):
        yield from _residual(arch, f"middle_block.{there}", f"mid_block.{here}", last, last)
    yield from _attention("middle_block.1", "mid_block.attentions.0", last)
    yield from _up(arch)
    yield from _pair("out.0", "conv_norm_out", first)
    yield from _pair("out.2", "conv_out", arch.outputs, first, 3, 3)


def _down(arch: Architecture) -> Iterator[Rule]:
    place, before = 1, arch.widths[0]
    for level, width in enumerate(arch.widths):
        here = f"down_blocks.{level}"
        for block in range(arch.blocks):
            yield from _step(arch, level, f"input_blocks.{place}", here, block, before)
            place, before = place + 1, width
        if level + 1 < arch.levels:
            there = f"input_blocks.{place}.0"
            if arch.residual:
                yield from _residual(arch, there, f"{here}.downsamplers.0", width, width)
            else:
                yield from _pair(f"{there}.op", f"{here}.downsamplers.0.conv", width, width, 3, 3)
            place += 1


def _up(arch: Architecture) -> Iterator[Rule]:
    place, before = 0, arch.widths[-1]
    for level in reversed(range(arch.levels)):
        here, width = f"up_blocks.{arch.levels - 1 - level}", arch.widths[level]
        for block in range(arch.blocks + 1):
            # the last one sees what came into the level on the way down
            seen = width if block < arch.blocks else arch.widths[max(level - 1, 0)]
            yield from _step(arch, level, f"output_blocks.{place}", here, block, before + seen)
            place, before = place + 1, width
        if level:
            there = f"output_blocks.{place - 1}.{2 if level in arch.attention else 1}"
            if arch.residual:
                yield from _residual(arch, there, f"{here}.upsamplers.0", width, width)
            else:
                yield from _pair(f"{there}.conv", f"{here}.upsamplers.0.conv", width, width, 3, 3)


def _step(
    arch: Architecture, level: int, there: str, here: str, block: int, before: int
) -> Iterator[Rule]:
    width = arch.widths[level]
    yield from _residual(arch, f"{there}.0", f"{here}.resnets.{block}", before, width)
    if level in arch.attention:
        yield from _attention(f"{there}.1", f"{here}.attentions.{block}", width)


def _residual(arch: Architecture, there: str, here: str, before: int, width: int) -> Iterator[Rule]:
    told = 2 * width if arch.scale_shift else width
    yield from _pair(f"{there}.in_layers.0", f"{here}.norm1", before)
    yield from _pair(f"{there}.in_layers.2", f"{here}.conv1", width, before, 3, 3)
    yield from _pair(f"{there}.emb_layers.1", f"{here}.time_emb_proj", told, 4 * arch.widths[0])
    yield from _pair(f"{there}.out_layers.0", f"{here}.norm2", width)
    yield from _pair(f"{there}.out_layers.3", f"{here}.conv2", width, width, 3, 3)
    if before != width:
        yield from _pair(f"{there}.skip_connection", f"{here}.conv_shortcut", width, before, 1, 1)


def _attention(there: str, here: str, width: int) -> Iterator[Rule]:
    yield from _pair(f"{there}.norm", f"{here}.group_norm", width)
    for part, shape in (("weight", (3 * width, width, 1)), ("bias", (3 * width,))):
        q, k, v = (f"{here}.to_{name}.{part}" for name in "qkv")
        yield Rule(f"{there}.qkv.{part}", shape, (q, k, v))
    yield from _pair(f"{there}.proj_out", f"{here}.to_out.0", width, width, 1)


def _pair(there: str, here: str, *shape: int) -> Iterator[Rule]:
    """A weight and its bias."""
    yield Rule(f"{there}.weight", shape, (f"{here}.weight",))
    yield Rule(f"{there}.bias", shape[:1], (f"{here}.bias",))
