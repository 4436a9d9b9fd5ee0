"""The U-Net of Dhariwal & Nichol 2021 (arXiv:2105.05233) in float64, by the published names.

Sinusoids of the time as in Vaswani et al. 2017, cosines first; residual blocks as in BigGAN (Brock
et al. 2019) with adaptive group norm; attention in heads. Shares no code with the package and
calls no module. Each constant can be set to something wrong.
"""

import math

import torch
from torch.nn import functional as F


def predicted(
    spec,
    weights,
    u,
    step,
    eps=1e-5,
    groups=32,
    cosines_first=True,
    one=1.0,
    scale_first=True,
    order="q, k, v in each head",
    head=None,
    heads=None,
    power=-0.5,
    memory_last=True,
    shift=0,
):
    """What the network says of u (B, C, H, W) at the steps (B,)."""
    p = {k: v.double() for k, v in weights.items()}
    u, step = u.double(), step.double()
    silu = F.silu

    def linear(at, x):
        return x @ p[f"{at}.weight"].T + p[f"{at}.bias"]

    def conv(at, x, stride=1):
        kernel = p[f"{at}.weight"]
        return F.conv2d(x, kernel, p[f"{at}.bias"], stride, padding=kernel.shape[-1] // 2)

    def norm(at, x):
        parts = x.reshape(len(x), groups, -1)
        spread = ((parts - parts.mean(2, True)).square().mean(2, True) + eps).sqrt()
        x = ((parts - parts.mean(2, True)) / spread).reshape(x.shape)
        column = (-1,) + (1,) * (x.dim() - 2)
        return x * p[f"{at}.weight"].reshape(column) + p[f"{at}.bias"].reshape(column)

    def halved(x):
        return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4

    def doubled(x):
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    def residual(at, x, resized=lambda x: x):
        h = conv(f"{at}.in_layers.2", resized(silu(norm(f"{at}.in_layers.0", x))))
        told = linear(f"{at}.emb_layers.1", silu(time))[:, :, None, None]
        if spec.scale_shift:
            a, b = told.chunk(2, 1) if scale_first else reversed(told.chunk(2, 1))
            h = norm(f"{at}.out_layers.0", h) * (one + a) + b
        else:
            h = norm(f"{at}.out_layers.0", h + told)
        h = conv(f"{at}.out_layers.3", silu(h))
        x = resized(x)
        return h + (conv(f"{at}.skip_connection", x) if f"{at}.skip_connection.weight" in p else x)

    def attention(at, x):
        size, d = x.flatten(2), x.shape[1] // heads if heads else head or spec.head
        both = norm(f"{at}.norm", size).transpose(1, 2)
        rows = both @ p[f"{at}.qkv.weight"][:, :, 0].T + p[f"{at}.qkv.bias"]
        C, out = x.shape[1], []
        for i in range(C // d):
            if order == "q, k, v in each head":
                begins = (3 * i * d, (3 * i + 1) * d, (3 * i + 2) * d)
            else:  # all q, then all k, then all v
                begins = (i * d, C + i * d, 2 * C + i * d)
            q, k, v = (rows[..., begin : begin + d] for begin in begins)
            out.append(torch.softmax(q @ k.transpose(1, 2) * d**power, 2) @ v)
        y = torch.cat(out, 2) @ p[f"{at}.proj_out.weight"][:, :, 0].T + p[f"{at}.proj_out.bias"]
        return x + y.transpose(1, 2).reshape(x.shape)

    half = spec.base // 2
    angles = step[:, None] * torch.exp(-math.log(10000) * torch.arange(half) / (half - shift))
    waves = [angles.cos(), angles.sin()]
    time = torch.cat(waves if cosines_first else waves[::-1], 1)
    time = linear("time_embed.2", silu(linear("time_embed.0", time)))

    h = conv("input_blocks.0.0", u)
    memory = [h]
    for level in range(len(spec.multipliers)):
        for _ in range(spec.blocks):
            at = f"input_blocks.{len(memory)}"
            h = residual(f"{at}.0", h)
            h = attention(f"{at}.1", h) if level in spec.attention else h
            memory.append(h)
        if level + 1 < len(spec.multipliers):
            at = f"input_blocks.{len(memory)}.0"
            h = residual(at, h, halved) if spec.residual else conv(f"{at}.op", h, 2)
            memory.append(h)
    h = residual("middle_block.0", h)
    h = attention("middle_block.1", h)
    h = residual("middle_block.2", h)
    place = 0
    for level in reversed(range(len(spec.multipliers))):
        for block in range(spec.blocks + 1):
            at, seen = f"output_blocks.{place}", memory.pop()
            h = residual(f"{at}.0", torch.cat([h, seen] if memory_last else [seen, h], 1))
            part = 1
            if level in spec.attention:
                h, part = attention(f"{at}.1", h), 2
            if level and block == spec.blocks:
                at = f"{at}.{part}"
                h = residual(at, h, doubled) if spec.residual else conv(f"{at}.conv", doubled(h))
            place += 1
    assert not memory
    return conv("out.2", silu(norm("out.0", h)))
