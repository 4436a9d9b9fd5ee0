"""U-Nets in the published layout of guided diffusion: names and shapes, and random weights."""

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class UNet:
    base: int = 32
    multipliers: tuple[int, ...] = (1, 2, 2)
    blocks: int = 1
    attention: tuple[int, ...] = (2,)
    """levels, the finest is 0"""
    head: int = 16
    learned: bool = True
    scale_shift: bool = True
    residual: bool = True
    colours: int = 3

    @property
    def widths(self):
        return [self.base * m for m in self.multipliers]


FFHQ = UNet(128, (1, 1, 2, 2, 4, 4), 1, (4,), 64)
IMAGENET = UNet(256, (1, 1, 2, 2, 4, 4), 2, (3, 4, 5), 64)


def shapes(spec):
    """The shape of every tensor by its name."""
    out = {}

    def both(name, *shape):
        out[f"{name}.weight"], out[f"{name}.bias"] = shape, shape[:1]

    def residual(at, before, width):
        both(f"{at}.in_layers.0", before)
        both(f"{at}.in_layers.2", width, before, 3, 3)
        both(f"{at}.emb_layers.1", width * (1 + spec.scale_shift), 4 * spec.base)
        both(f"{at}.out_layers.0", width)
        both(f"{at}.out_layers.3", width, width, 3, 3)
        if before != width:
            both(f"{at}.skip_connection", width, before, 1, 1)

    def attention(at, width):
        both(f"{at}.norm", width)
        both(f"{at}.qkv", 3 * width, width, 1)
        both(f"{at}.proj_out", width, width, 1)

    both("time_embed.0", 4 * spec.base, spec.base)
    both("time_embed.2", 4 * spec.base, 4 * spec.base)
    both("input_blocks.0.0", spec.base, spec.colours, 3, 3)
    skips, now = [spec.base], spec.base
    for level, width in enumerate(spec.widths):
        for _ in range(spec.blocks):
            at = f"input_blocks.{len(skips)}"
            residual(f"{at}.0", now, width)
            if level in spec.attention:
                attention(f"{at}.1", width)
            now = width
            skips.append(now)
        if level < len(spec.widths) - 1:
            at = f"input_blocks.{len(skips)}.0"
            residual(at, now, now) if spec.residual else both(f"{at}.op", now, now, 3, 3)
            skips.append(now)
    residual("middle_block.0", now, now)
    attention("middle_block.1", now)
    residual("middle_block.2", now, now)
    place = 0
    for level, width in reversed(list(enumerate(spec.widths))):
        for block in range(spec.blocks + 1):
            at = f"output_blocks.{place}"
            residual(f"{at}.0", now + skips.pop(), width)
            now, part = width, 1
            if level in spec.attention:
                attention(f"{at}.1", width)
                part = 2
            if level and block == spec.blocks:
                at = f"{at}.{part}"
                residual(at, now, now) if spec.residual else both(f"{at}.conv", now, now, 3, 3)
            place += 1
    both("out.0", spec.base)
    both("out.2", spec.colours * (1 + spec.learned), spec.base, 3, 3)
    return out


def random_unet(spec, seed=0):
    """Nothing at its initial zero or one."""
    rng = torch.Generator().manual_seed(seed)
    out = {}
    for name, shape in shapes(spec).items():
        draw = torch.randn(shape, generator=rng)
        if len(shape) > 1:
            out[name] = draw / math.sqrt(math.prod(shape[1:]))
        else:
            out[name] = (1.0 if name.endswith("weight") else 0.0) + 0.3 * draw
    return out
