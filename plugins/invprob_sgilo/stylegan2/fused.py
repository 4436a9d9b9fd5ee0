"""A synthesis block as one node of autograd, for weights that are fixed.

The convolutions are those of PyTorch; what stands between them is computed by compiled kernels
(kernels.c), with one pass over memory instead of three to six. Only the features after each
activation are kept for the gradient: the leaky ReLU can be undone. Weights are scaled and laid out
once.

`Block` has the formulas; it computes everything that does not fit here, such as the gradients of
gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional as F

from invprob_sgilo.stylegan2 import kernels
from invprob_sgilo.stylegan2.layers import LEAKY_GAIN, Linear, ModulatedConv, ToRGB

Plain: TypeAlias = Callable[..., tuple[Tensor, Tensor]]
"""Features and image after a block of features, image before, codes and two noise maps."""


@dataclass(frozen=True)
class Affine:
    """A linear layer with its scale in the weights: rows (outputs, inputs), offset (outputs,)."""

    rows: Tensor
    offset: Tensor

    @classmethod
    def of(cls, layer: Linear) -> Affine:
        scale = layer.lr / math.sqrt(layer.weight.shape[1])
        return cls(layer.weight.detach() * scale, layer.bias.detach() * layer.lr)

    def __call__(self, w: Tensor) -> Tensor:
        return torch.addmm(self.offset, w, self.rows.T)


@dataclass(frozen=True)
class Convolution:
    """A modulated convolution: kernels for both directions, ‖w_oi‖² as (inputs, outputs)."""

    kernel: Tensor
    back: Tensor
    power: Tensor
    eps: float
    style: Affine
    bias: Tensor
    strength: float

    @classmethod
    def of(cls, conv: ModulatedConv, bias: Tensor, strength: Tensor) -> Convolution:
        weight = conv.weight.detach() * (1 / math.sqrt(conv.weight[0].numel()))
        turned = weight.transpose(0, 1)
        kernel = _last(turned if conv.up else weight)
        return cls(
            kernel=kernel,
            back=kernel if conv.up else _last(turned.flip(2, 3)),
            power=(weight**2).sum((2, 3)).T.contiguous(),
            eps=conv.eps,
            style=Affine.of(conv.affine),
            bias=bias.detach() * LEAKY_GAIN,
            strength=float(strength) * LEAKY_GAIN,
        )

    def modulation(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """The style s (B, inputs) and 1/√(Σ_i s_i² ‖w_oi‖² + ε), (B, outputs)."""
        style = self.style(w)
        return style, (style.square() @ self.power).add_(self.eps).rsqrt_()

    def slope(self, dot: Tensor, inner: Tensor, style: Tensor, root: Tensor) -> Tensor:
        """The gradient of the code, of that of s itself and of d times that of d = √2 root."""
        total = dot.addcmul(style, (inner * root.square()) @ self.power.T, value=-1)
        return total @ self.style.rows


@dataclass(frozen=True)
class Weights:
    """What a block is made of; J colours."""

    up: Convolution
    conv: Convolution
    rgb: Tensor
    rgb_style: Affine
    rgb_bias: Tensor
    limit: float

    @classmethod
    def of(cls, up: Convolution, conv: Convolution, rgb: ToRGB) -> Weights:
        return cls(
            up,
            conv,
            rgb.weight.detach() * (1 / math.sqrt(rgb.weight.shape[1])),
            Affine.of(rgb.affine),
            rgb.bias.detach(),
            math.inf if rgb.limit is None else rgb.limit,
        )


def fits(*tensors: Tensor) -> bool:
    """Whether kernels can take these: float32 on a CPU, and no transform that they do not know."""
    return (
        all(t.dtype is torch.float32 and t.device.type == "cpu" for t in tensors)
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
        and forward_ad._current_level < 0
    )


def block(
    h: Tensor, rgb: Tensor, w: Tensor, noise: tuple[Tensor, Tensor], fixed: Weights, plain: Plain
) -> tuple[Tensor, Tensor]:
    """Features (B, C, 2H, 2W) and image (B, J, 2H, 2W) after a block.

    Args:
        h: Features (B, inputs, H, W).
        rgb: The image so far, (B, J, H, W).
        w: Three codes, (B, 3, w_dim).
        noise: Two maps, (B, 1, 2H, 2W).
        fixed: The weights.
        plain: Computes the same in plain PyTorch, for gradients of gradients.
    """
    out: tuple[Tensor, Tensor] = _Block.apply(h, rgb, w, *noise, fixed, plain)  # type: ignore[no-untyped-call]
    return out


class _Block(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        h: Tensor,
        rgb: Tensor,
        w: Tensor,
        n1: Tensor,
        n2: Tensor,
        q: Weights,
        plain: Plain,
    ) -> tuple[Tensor, Tensor]:
        run = _kernels().run
        x, maps = _last(h), (_dense(n1 * q.up.strength), _dense(n2 * q.conv.strength))
        size = (2 * h.shape[2], 2 * h.shape[3], len(q.rgb[0]))
        (s1, r1), (s2, r2) = q.up.modulation(w[:, 0]), q.conv.modulation(w[:, 1])
        k = q.rgb * q.rgb_style(w[:, 2])[:, None]
        scaled = torch.empty_like(x)
        run("scale", x, s1, scaled, len(h), h[0, 0].numel(), h.shape[1])
        wide = _last(F.conv_transpose2d(scaled, q.up.kernel, stride=2))
        y, scaled = (_features(len(h), size) for _ in range(2))
        d, none = r1 * LEAKY_GAIN, (None, None, 0)
        run(
            "activate", wide, 1, maps[0], d, q.up.bias, q.limit, s2, *none, y, scaled, None,
            len(h), *size,
        )  # fmt: skip
        z = _last(F.conv2d(scaled, q.conv.kernel, padding=1))
        image, d = h.new_empty(len(h), len(q.rgb), *size[:2]), r2 * LEAKY_GAIN
        run(
            "activate", z, 0, maps[1], d, q.conv.bias, q.limit, None, k, q.rgb_bias, len(k[0]),
            z, None, image, len(h), *size,
        )  # fmt: skip
        inside = image.abs() < q.limit if q.limit < math.inf else None
        run("add_doubled", _dense(rgb), image, len(h) * len(k[0]), *h.shape[2:])
        ctx.save_for_backward(h, rgb, w, n1, n2, s1, r1, s2, r2, k, y, z, inside)
        ctx.fixed, ctx.plain = q, plain
        ctx.set_materialize_grads(False)
        return z, image

    @staticmethod
    def backward(ctx: Any, gz: Tensor | None, gimage: Tensor | None) -> tuple[Tensor | None, ...]:
        h, rgb, w, n1, n2, s1, r1, s2, r2, k, y, z, inside = ctx.saved_tensors
        if torch.is_grad_enabled():
            return *_graph(ctx, (h, rgb, w, n1, n2), (gz, gimage)), None, None
        q, run, size = ctx.fixed, _kernels().run, (*z.shape[2:], z.shape[1])
        batch, colours = k.shape[:2]
        gimage = torch.zeros_like(n2.expand(-1, colours, -1, -1)) if gimage is None else gimage
        gimage, grgb = _dense(gimage), torch.empty(rgb.shape)
        run("halved", gimage, grgb, batch * colours, *h.shape[2:])
        if inside is not None:
            gimage = gimage * inside
        gx, gn1, gn2 = _features(batch, size), torch.empty(n1.shape), torch.empty(n2.shape)
        sums, d = _kernels().sums(z.shape, 2 + colours), r2 * LEAKY_GAIN
        run(
            "activate_backward", None if gz is None else _last(gz), z, _dense(n2 * q.conv.strength),
            d, q.conv.bias, q.limit, torch.ones_like(d), k, gimage, colours, gx, gn2, sums,
            batch, *size,
        )  # fmt: skip
        total = sums.sum(1)
        inner2, gk = total[:, 1], total[:, 2:]
        gx = _last(F.conv2d(gx, q.conv.back, padding=1))
        sums, d, none = _kernels().sums(y.shape, 2), r1 * LEAKY_GAIN, (None, None, 0)
        run(
            "activate_backward", gx, y, _dense(n1 * q.up.strength), d, q.up.bias, q.limit, s2,
            *none, gx, gn1, sums, batch, *size,
        )  # fmt: skip
        dot2, inner1 = sums.sum(1).unbind(1)
        wide = _features(batch, (size[0] + 1, size[1] + 1, size[2]))
        run("filter", gx, wide, batch, *size)
        gh = _last(F.conv2d(wide, q.up.back, stride=2))
        sums = _kernels().sums(h.shape, 1)
        run("scale_backward", gh, _last(h), s1, sums, batch, *h.shape[2:], h.shape[1])
        gw = (
            q.up.slope(sums.sum(1)[:, 0], inner1, s1, r1),
            q.conv.slope(dot2, inner2, s2, r2),
            (gk * q.rgb).sum(1) @ q.rgb_style.rows,
        )
        gn1, gn2 = gn1.mul_(q.up.strength), gn2.mul_(q.conv.strength)
        return gh, grgb, torch.stack(gw, 1), gn1, gn2, None, None


def _graph(
    ctx: Any, inputs: tuple[Tensor, ...], outputs: tuple[Tensor | None, Tensor | None]
) -> tuple[Tensor | None, ...]:
    """Gradients through which autograd goes again."""
    wanted = [v for v, needed in zip(inputs, ctx.needs_input_grad, strict=False) if needed]
    known = [(v, g) for v, g in zip(ctx.plain(*inputs), outputs, strict=True) if g is not None]
    found = iter(
        torch.autograd.grad(
            [v for v, _ in known],
            wanted,
            [g for _, g in known],
            create_graph=True,
            allow_unused=True,
        )
    )
    return tuple(next(found) if needed else None for needed in ctx.needs_input_grad[: len(inputs)])


def _kernels() -> kernels.Kernels:
    found = kernels.load()
    assert found is not None
    return found


def _dense(x: Tensor) -> Tensor:
    return x.contiguous()


def _last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _features(batch: int, size: tuple[int, int, int]) -> Tensor:
    """Unset features (B, C, H, W), channels last, for a size (H, W, C)."""
    return torch.empty(batch, *size).permute(0, 3, 1, 2)
