"""The losses of StyleGAN-2 (Karras et al., 2020, arXiv:1912.04958)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Carry
from invprob_sgilo.stylegan2.training.discriminator import Discriminator


def mixed_styles(G: StyleGAN2, batch: int, probability: float, rng: torch.Generator) -> Carry:
    """x_1 of `batch` fresh inputs; with `probability` the codes cross over to a second input's."""
    x: Carry = G(G.sample(batch, rng), stop=1)
    other = G.mapping(G.draw_input(batch, rng))[:, None]
    crossing = torch.randint(1, G.codes, (batch,), generator=rng)
    crossing[torch.rand(batch, generator=rng) >= probability] = G.codes
    keep = torch.arange(G.codes)[None] < crossing[:, None]
    return replace(x, w=torch.where(keep[..., None].to(x.w.device), x.w, other))


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Non-saturating logistic loss (Goodfellow et al., 2014)."""
    return F.softplus(-fake_logits).mean()


def discriminator_loss(fake_logits: Tensor, real_logits: Tensor) -> Tensor:
    """Logistic loss."""
    return F.softplus(fake_logits).mean() + F.softplus(-real_logits).mean()


def r1_penalty(D: Discriminator, real: Tensor, augment: Any) -> Tensor:
    """E‖∇D‖² on real images (Mescheder et al., 2018, arXiv:1801.04406)."""
    real = real.detach().requires_grad_()
    logits = D(augment(real))
    (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def path_length(G: StyleGAN2, x: Carry, rng: torch.Generator) -> Tensor:
    """‖Jᵀy‖ over the codes, y a random image of unit scale per pixel, of shape (B,)."""
    image = G(x, start=1) * 2 - 1
    direction = torch.randn(image.shape, generator=rng).to(image)
    direction = direction / math.sqrt(image.shape[2] * image.shape[3])
    (gradient,) = torch.autograd.grad((image * direction).sum(), x.w, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()
