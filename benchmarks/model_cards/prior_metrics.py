"""The figures of a latent prior's model card: does it keep its distribution, and what does it show?

    python benchmarks/model_cards/prior_metrics.py faces64 3 --inverted FOLDER
    python benchmarks/model_cards/prior_metrics.py faces64 3 [--encoder FILE PICTURES]

Chains of the prior alone start from exact latents, noised to a time, and move by kinetic Langevin
dynamics for 100 units of time. If the score is that of the noised latents, nothing changes: the
root mean square of every learned leaf stays, and so does the distribution along random directions,
compared with other exact latents by a Kolmogorov-Smirnov test. Exact latents are those that the
prior learned from: of the generator, of the inversions of `invprob invert`, or of pictures that an
encoder encodes. Then samples of the prior are shown by the rest of the generator, and their sliced
Wasserstein distance to exact latents shown so is compared with that of as many other exact ones.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import torch
from scipy import stats
from torch import Tensor

from invprob import seeds, tree
from invprob.analysis.sliced_wasserstein import sliced_wasserstein
from invprob.diffusion import samplers
from invprob.diffusion.params import SamplerParams
from invprob.numerics import kinetic
from invprob_sgilo.score.latents import Latents, latents_of
from invprob_sgilo.score.params import PriorTraining
from invprob_sgilo.score.prior import LatentScore
from invprob_sgilo.stylegan2.generator import StyleGAN2

DIRECTIONS = 20
DAMPING = 0.5


class Kept(NamedTuple):
    """What 100 units of time did to the distribution.

    Attributes:
        rms: By leaf, the root mean square at the end over that of exact latents.
        smallest_p: The least of the 20 p-values, times 20 (Bonferroni).
    """

    rms: dict[str, float]
    smallest_p: float


@torch.no_grad()
def keeps(
    prior: LatentScore, start: Any, other: Any, t: float, time: float = 100.0, step: float = 0.1
) -> Kept:
    """Let chains of the prior alone go on from exact latents.

    Args:
        prior: The prior.
        start: Exact latents x, a row for each chain.
        other: As many other exact latents.
        t: The time of the noise, in (t_min, 1).
        time: How long the chains move.
        step: The step size of the dynamics.

    Returns:
        What was kept.
    """
    count = tree.batch(start)
    keys = list(range(count))
    u = samplers.hot(prior, prior.normalise(start), t, keys)
    exact = samplers.hot(prior, prior.normalise(other), t, [key + count for key in keys])
    rows, h = samplers.rows(t, u), torch.full((count,), step)
    one = tree.map(torch.ones_like, u)

    def gradient(u: Any) -> Any:
        return tree.map(torch.neg, prior.score(u, rows))

    w = seeds.normal_like(u, keys, "velocity")
    g = gradient(u)
    for move in range(round(time / step)):
        w, _ = kinetic.kick(w, g, one, h)
        noise = seeds.normal_like(u, keys, "noise", move)
        u, w = kinetic.drift(u, w, one, h, DAMPING, noise)
        g = gradient(u)
        w, _ = kinetic.kick(w, g, one, h)
    after = {n: v.double() for n, v in tree.items(u) if n in prior.learned}
    before = {n: v.double() for n, v in tree.items(exact) if n in prior.learned}
    rms = {n: _rms(v) / _rms(before[n]) for n, v in after.items()}
    flat = [torch.cat([v.flatten(1) for v in part.values()], 1) for part in (after, before)]
    rng = seeds.stream("prior metrics", "directions")
    directions = torch.randn(flat[0].shape[1], DIRECTIONS, generator=rng, dtype=torch.float64)
    a, b = (part @ directions for part in flat)
    values = [stats.ks_2samp(a[:, i], b[:, i]).pvalue for i in range(DIRECTIONS)]
    return Kept(rms, min(1.0, DIRECTIONS * min(values)))


def _rms(v: Tensor) -> float:
    return float(v.square().mean().sqrt())


@torch.no_grad()
def shown(prior: LatentScore, G: StyleGAN2, like: Any, count: int, steps: int) -> Tensor:
    """Images (N, C, H, W) in [0, 1] of samples of the prior, by the probability flow."""
    parts = []
    for first in range(0, count, 32):
        keys = list(range(first, min(first + 32, count)))
        u = samplers.cold(prior, prior.normalise(like), keys)
        u = samplers.reverse(prior, u, keys, SamplerParams(predictor="ode", steps=steps))
        parts.append(G(prior.restore(u), start=_stage(G, like)).clamp(0, 1))
    return torch.cat(parts)


def _stage(G: StyleGAN2, like: Any) -> int:
    """The stage of a latent, by the codes that it has left."""
    used = G.codes - like.w.shape[1]
    return 1 if used == 0 else (used + 3) // 2


def exact(source: Latents, count: int, first: int) -> Any:
    """Latents that the prior learned from."""
    parts, batches = [], 0
    while batches < count:
        part = source.batch(first + len(parts))
        parts.append(part)
        batches += tree.batch(part)
    return tree.map(lambda leaf: leaf[:count], tree.cat(parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", help="the generator")
    parser.add_argument("stage", type=int)
    parser.add_argument("--prior", default="auto", help="a prior.safetensors")
    learned = parser.add_mutually_exclusive_group()
    learned.add_argument("--inverted", metavar="FOLDER")
    learned.add_argument("--encoder", nargs=2, metavar=("FILE", "PICTURES"))
    parser.add_argument("--chains", type=int, default=128)
    parser.add_argument("--level", type=float, default=0.1, help="the time of the noise (0.1)")
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--steps", type=int, default=40, help="of the probability flow (40)")
    args = parser.parse_args()
    G = StyleGAN2.pretrained(args.weights)
    prior = LatentScore.pretrained(args.prior, stage=args.stage, generator=G)
    settings: dict[str, Any] = {"stage": args.stage, "batch": 64, "seed": 1}
    if args.inverted:
        settings |= {"latents": "inverted", "data": args.inverted}
    if args.encoder:
        file, pictures = args.encoder
        settings |= {"latents": "encoded", "encoder": file, "data": pictures}
    source = latents_of(G, PriorTraining.parse(settings, "prior"))
    start, other = exact(source, args.chains, 10**6), exact(source, args.chains, 2 * 10**6)
    for t in (args.level, args.level / 2):
        kept = keeps(prior, start, other, t)
        rms = ", ".join(f"{name} {value:.3f}" for name, value in kept.rms.items())
        print(f"t = {t}: rms over exact {rms}; least p of {DIRECTIONS}: {kept.smallest_p:.3f}")
    many = [exact(source, args.pictures, 10**6 * k) for k in (3, 4)]
    images = [_images(G, x, args.stage) for x in many]
    found = shown(prior, G, start, args.pictures, args.steps)
    floor = sliced_wasserstein(images[0] * 2 - 1, images[1] * 2 - 1)["mean"]
    ours = sliced_wasserstein(found * 2 - 1, images[1] * 2 - 1)["mean"]
    print(f"sliced Wasserstein distance (×10³) of samples to exact latents: {ours:.2f}")
    print(f"of as many exact latents to others: {floor:.2f}")


@torch.no_grad()
def _images(G: StyleGAN2, x: Any, stage: int) -> Tensor:
    parts = []
    for first in range(0, tree.batch(x), 32):
        parts.append(G(tree.map(lambda v, f=first: v[f : f + 32], x), start=stage).clamp(0, 1))
    return torch.cat(parts)


if __name__ == "__main__":
    main()
