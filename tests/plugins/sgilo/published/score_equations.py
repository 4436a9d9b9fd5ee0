"""The score network of SGILO's release in float64, from tensors in its names (algorithms.md 7.3).

Shares no code with the package. Each choice can be set to something wrong.
"""

import math

import torch


def layer_norm(x, weights, at):
    centred = x - x.mean(-1, keepdim=True)
    scale = (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return centred / scale * weights[f"{at}.weight"] + weights[f"{at}.bias"]


def linear(x, weights, at):
    return x @ weights[f"{at}.weight"].T + weights[f"{at}.bias"]


def gelu(x):
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def noise(weights, tokens, t, silu=False, sine_first=True, turns=2 * math.pi, heads_scale=True):
    """ε̂ of tokens (B, T, channels) at times t (B,)."""
    w = {k: v.double() for k, v in weights.items()}
    angle = t.double()[:, None] * w["embed.0.W"] * turns
    parts = [torch.sin(angle), torch.cos(angle)]
    time = linear(torch.cat(parts if sine_first else parts[::-1], 1), w, "embed.1")
    if silu:
        time = time * torch.sigmoid(time)
    time = linear(time, w, "dense.dense")
    x = linear(tokens.double(), w, "to_patch_embedding.1") + w["pos_embedding"]
    x = x + time[:, :, None]
    depth = len({k.split(".")[2] for k in w if k.startswith("transformer.")})
    for i in range(depth):
        at = f"transformer.layers.{i}"
        q, k, v = (
            layer_norm(x, w, f"{at}.0.fn.norm") @ part.T
            for part in w[f"{at}.0.fn.fn.to_qkv.weight"].chunk(3)
        )
        scale = q.shape[-1] ** -0.5 if heads_scale else 1
        mix = torch.softmax(torch.einsum("bid,bjd->bij", q, k) * scale, -1)
        x = x + linear(mix @ v, w, f"{at}.0.fn.fn.to_out.0")
        hidden = gelu(linear(layer_norm(x, w, f"{at}.1.fn.norm"), w, f"{at}.1.fn.fn.net.0"))
        x = x + linear(hidden, w, f"{at}.1.fn.fn.net.3")
    return linear(x, w, "projector")
