"""The forward process of a score model, and one step back along it; all from its schedule alone.

A schedule (α_t, σ_t) belongs to exactly one linear equation du = a(t) u dt + g(t) dw, with
a = α′/α and g² = (σ²)′ − 2 a σ²; the variance-preserving, sub-variance-preserving and
variance-exploding equations of Song et al., 2021, arXiv:2011.13456, are three of them.
Times are tensors (B,), latents trees in the model's units (`Score.normalise`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from invprob import tree
from invprob.prior import Score, scaled
from invprob.tree import Tree, X


def rates(prior: Score, t: Tensor) -> tuple[Tensor, Tensor]:
    """The coefficients of the forward equation du = a(t) u dt + g(t) dw.

    Args:
        prior: The model, of which the schedule is used.
        t: Times in (0, 1], (B,).

    Returns:
        (a, g²), each (B,).
    """
    with torch.enable_grad():
        time = t.detach().requires_grad_()
        alpha, sigma = prior.schedule(time)
        # a schedule may hold α constant: its slope is then zero, not absent
        (a,) = torch.autograd.grad(alpha.log().sum() + 0 * time.sum(), time, retain_graph=True)
        (growth,) = torch.autograd.grad(sigma.square().sum(), time)
    return a, (growth - 2 * a * sigma.detach() ** 2).clamp_min(0)


def transition(prior: Score, t: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """The forward transition u_t = ρ u_before + √v ε.

    Args:
        prior: The model, of which the schedule is used.
        t: Times in (0, 1], (B,).
        before: Earlier times, (B,).

    Returns:
        (ρ, v), each (B,).
    """
    alpha, sigma = prior.schedule(t)
    earlier, spread = prior.schedule(before)
    ratio = alpha / earlier
    return ratio, (sigma**2 - ratio**2 * spread**2).clamp_min(0)


def flow(prior: Score[X], u: X, t: Tensor) -> X:
    """du/dt of the probability flow, a u − ½ g² s(u, t).

    Args:
        prior: The model.
        u: Noised latents in the model's units, batch first.
        t: Times in (0, 1], (B,).

    Returns:
        A latent like u.
    """
    a, g2 = rates(prior, t)
    return _add(scaled(u, a), scaled(prior.score(u, t), -0.5 * g2))


def euler_maruyama(prior: Score[X], u: X, t: Tensor, to: Tensor, noise: Tree) -> X:
    """One step of the reverse equation (Song et al., 2021, arXiv:2011.13456).

    Args:
        prior: The model.
        u: Noised latents u_t in the model's units, batch first.
        t: Times in (0, 1], (B,).
        to: Earlier times, (B,).
        noise: ε, a latent like u of standard normal numbers; None gives the mean of the step.

    Returns:
        u_to, a latent like u.
    """
    a, g2 = rates(prior, t)
    h = t - to
    mean = _add(scaled(u, 1 - h * a), scaled(prior.score(u, t), h * g2))
    return mean if noise is None else _add(mean, scaled(noise, (h * g2).sqrt()))


def reverse_diffusion(prior: Score[X], u: X, t: Tensor, to: Tensor, noise: Tree) -> X:
    """The reverse of the forward transition, in its own discretisation (Song et al., 2021, E).

    Args:
        prior: The model.
        u: Noised latents u_t in the model's units, batch first.
        t: Times in (0, 1], (B,).
        to: Earlier times, (B,).
        noise: ε, a latent like u of standard normal numbers; None gives the mean of the step.

    Returns:
        u_to, a latent like u.
    """
    ratio, v = transition(prior, t, to)
    mean = _add(scaled(u, 2 - ratio), scaled(prior.score(u, t), v))
    return mean if noise is None else _add(mean, scaled(noise, v.sqrt()))


def ancestral(prior: Score[X], u: X, t: Tensor, to: Tensor, noise: Tree) -> X:
    """A draw of u_to given u_t and the denoised û_0 (Ho et al., 2020, arXiv:2006.11239).

    Args:
        prior: The model.
        u: Noised latents u_t in the model's units, batch first.
        t: Times in (0, 1], (B,).
        to: Earlier times, (B,).
        noise: ε, a latent like u of standard normal numbers; None gives the mean of the step.

    Returns:
        u_to, a latent like u.
    """
    ratio, v = transition(prior, t, to)
    earlier, spread = prior.schedule(to)
    _, sigma = prior.schedule(t)
    kept = ratio * (spread / sigma) ** 2
    mean = _add(scaled(u, kept), scaled(prior.denoise(u, t), earlier * v / sigma**2))
    return mean if noise is None else _add(mean, scaled(noise, v.sqrt() * spread / sigma))


def langevin(prior: Score[X], u: X, t: Tensor, noise: X, snr: float) -> X:
    """A corrector: Langevin at time t, with the step 2 (snr ‖ε‖/‖s‖)² of each row by itself.

    Args:
        prior: The model.
        u: Noised latents u_t in the model's units, batch first.
        t: Times in (0, 1], (B,).
        noise: ε, a latent like u of standard normal numbers.
        snr: The ratio of signal to noise that sizes the step, > 0.

    Returns:
        Latents of the same time, like u.
    """
    s = prior.score(u, t)
    size = 2 * snr**2 * tree.dot(noise, noise) / tree.dot(s, s).clamp_min(1e-12)
    return _langevin(u, s, noise, size)


def annealed_langevin(prior: Score[X], u: X, t: Tensor, noise: X, snr: float) -> X:
    """A corrector: Langevin at time t, with the step 2 (snr σ_t)² (Song and Ermon, 2019).

    Args:
        prior: The model.
        u: Noised latents u_t in the model's units, batch first.
        t: Times in (0, 1], (B,).
        noise: ε, a latent like u of standard normal numbers.
        snr: The ratio of signal to noise that sizes the step, > 0.

    Returns:
        Latents of the same time, like u.
    """
    _, sigma = prior.schedule(t)
    return _langevin(u, prior.score(u, t), noise, 2 * (snr * sigma) ** 2)


def _langevin(u: X, s: X, noise: X, size: Tensor) -> X:
    return _add(_add(u, scaled(s, size)), scaled(noise, (2 * size).sqrt()))


def _add(u: X, v: Tree) -> X:
    return tree.map(torch.add, u, v)
