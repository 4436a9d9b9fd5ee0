"""Naturalisation: move a picture towards what a prior of latents knows (Daras et al., 2022).

The picture is inverted to a latent of a stage, the latent noised to diffusion time `strength`, and
taken back by the score model: a hot start. What the noise hides is drawn anew from the prior, what
it leaves (pose, colours) stays. Daras, Dagan, Dimakis, Daskalakis, 2022, arXiv:2206.09104.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from invprob import tree
from invprob.diffusion import samplers
from invprob.diffusion.likelihood import log_likelihood
from invprob.diffusion.params import SamplerParams
from invprob.generator import Generator
from invprob.latents.inversion import invert
from invprob.prior import Score

FLOW_STEPS = 20
"""Steps of the probability flow in a likelihood, enough for two digits per dimension."""


class Naturalised(NamedTuple):
    """B pictures before and after.

    Attributes:
        inverted: Images of the inversions, (B, C, H, W).
        natural: Images after it, (B, C, H, W).
        likelihood_inverted: The log-likelihood of the inverted latents under the prior, in nats per
            dimension, (B,).
        likelihood_natural: The same of the new latents.
    """

    inverted: Tensor
    natural: Tensor
    likelihood_inverted: Tensor
    likelihood_natural: Tensor


def naturalise(
    generator: Generator,
    prior: Score,
    stage: int,
    pictures: Tensor,
    keys: Sequence[int],
    strength: float,
    params: SamplerParams,
    steps: int = 200,
    sigma: float = 0.05,
    watch: Callable[[int], None] = lambda step: None,
) -> Naturalised:
    """Move pictures towards what the prior knows.

    Args:
        generator: The generator.
        prior: The score prior of the stage.
        stage: The stage, from 0 to the depth.
        pictures: The pictures, (B, C, H, W) in [0, 1].
        keys: A random key for each.
        strength: The diffusion time, in (0, 1].
        params: The sampler and its steps.
        steps: Steps of the inversion, ≥ 1.
        sigma: Its tolerance in units of [0, 1]: a picture unlike the training set, fitted to its
            last detail, leaves the latents that the prior knows.
        watch: Called with the number of each step of the inversion.

    Returns:
        The pictures before and after.

    Raises:
        BadParams: If the strength is below the least time that the prior knows.
    """
    prior.check_time(strength, "strength")
    for record in invert(generator, pictures, stage, steps, sigma=sigma):
        watch(record.step)
    with torch.no_grad():
        u = prior.normalise(record.x)
        noisy = samplers.hot(prior, u, strength, keys)
        natural = samplers.reverse(prior, noisy, keys, params, strength)
        shown = [generator(prior.restore(v), start=stage) for v in (u, natural)]
    size = sum(leaf[0].numel() for leaf in tree.leaves(u))
    judged = [log_likelihood(prior, v, keys, FLOW_STEPS, probes=1) / size for v in (u, natural)]
    return Naturalised(shown[0], shown[1], judged[0], judged[1])
