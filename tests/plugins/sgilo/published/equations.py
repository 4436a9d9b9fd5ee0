"""StyleGAN-2 by the published equations, in float64, from tensors in NVlabs' names.

Karras et al. 2020, arXiv:1912.04958, section 2.2 and appendix B: a kernel per sample that is
modulated and demodulated; doubling the size by inserting zeros and applying [1, 3, 3, 1] tap by
tap. Shares no code with the package. Each constant can be set to something wrong.
"""

import math

import torch
from torch.nn import functional as F

ROOT = math.sqrt(2)


def lrelu(x, gain):
    return torch.where(x > 0, x, 0.2 * x) * gain


def cut(x, limit):
    return x if limit is None else x.clamp(-limit, limit)


def doubled(x, taps, before, after):
    """Zeros inserted (the first sample stays first), padded, filtered with gain 4."""
    B, C, H, W = x.shape
    wide = x.new_zeros(B, C, 2 * H, 2 * W)
    wide[:, :, ::2, ::2] = x
    return smoothed(wide, taps, before, after)


def smoothed(x, taps, before, after):
    x = F.pad(x, (before, after, before, after))
    taps = [2 * t / sum(taps) for t in taps]
    height, width = x.shape[2] - 3, x.shape[3] - 3
    x = sum(t * x[:, :, k : k + height] for k, t in enumerate(taps))
    return sum(t * x[:, :, :, k : k + width] for k, t in enumerate(taps))


def convolved(x, weight, style, eps, raw, up, taps):
    """One sample at a time. With `raw`, ε is added to the power of the unscaled weights."""
    scale = 1 / math.sqrt(weight[0].numel())
    out = []
    for sample, s in zip(x, style, strict=True):
        kernel = weight * s[None, :, None, None] * (1 if raw else scale)
        kernel = kernel / (kernel.square().sum((1, 2, 3), keepdim=True) + eps).sqrt()
        if not up:
            out.append(F.conv2d(sample[None], kernel, padding=1))
            continue
        C, H, W = sample.shape
        wide = sample.new_zeros(1, C, 2 * H - 1, 2 * W - 1)
        wide[:, :, ::2, ::2] = sample
        # a true convolution: the kernel turned round slides over the zeros
        full = F.conv2d(wide, kernel.flip(2, 3), padding=2)
        out.append(smoothed(full, taps, 1, 1))
    return torch.cat(out)


def picture(
    weights,
    z,
    noise,
    psi=1.0,
    taps=(1, 3, 3, 1),
    eps=1e-8,
    raw=True,
    gain=ROOT,
    strength=1.0,
    clamp=None,
):
    """The image in [−1, 1] of z (B, z) with the noise maps (B, 1, h, w) in the order of use."""
    p = {k: v.double() for k, v in weights.items()}
    maps = iter(n.double() for n in noise)
    w = z.double()
    w = w / (w.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for i in range(sum(k.startswith("mapping.fc") for k in p) // 2):
        weight, bias = p[f"mapping.fc{i}.weight"], p[f"mapping.fc{i}.bias"]
        w = lrelu(w @ (0.01 * weight / math.sqrt(weight.shape[1])).T + 0.01 * bias, gain)
    w = p["mapping.w_avg"] + psi * (w - p["mapping.w_avg"])

    def affine(at):
        weight = p[f"{at}.affine.weight"]
        return w @ (weight / math.sqrt(weight.shape[1])).T + p[f"{at}.affine.bias"]

    def layer(x, at, up):
        y = convolved(x, p[f"{at}.weight"], affine(at), eps, raw, up, taps)
        y = y + strength * p[f"{at}.noise_strength"] * next(maps)
        return cut(lrelu(y + p[f"{at}.bias"][:, None, None], gain), clamp)

    x = image = None
    for res in sorted({int(k.split(".")[1][1:]) for k in p if k.startswith("synthesis.b")}):
        at = f"synthesis.b{res}"
        x = (
            p[f"{at}.const"].expand(len(w), -1, -1, -1)
            if x is None
            else layer(x, f"{at}.conv0", True)
        )
        x = layer(x, f"{at}.conv1", False)
        kernel = p[f"{at}.torgb.weight"][:, :, 0, 0] / math.sqrt(x.shape[1])
        rgb = torch.einsum("oi,bi,bihw->bohw", kernel, affine(f"{at}.torgb"), x)
        rgb = cut(rgb + p[f"{at}.torgb.bias"][:, None, None], clamp)
        image = rgb if image is None else doubled(image, taps, 2, 1) + rgb
    return image
