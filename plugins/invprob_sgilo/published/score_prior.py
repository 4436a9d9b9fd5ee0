"""The published score networks of SGILO as the prior of a stage.

One network for all Gaussian codes and one for the features, independent of each other, as the
released solver uses them; noise maps, and codes without a network, are standard normal. The
networks saw data brought to about [0, 1] under the variance-preserving equation (Song et al., 2021,
arXiv:2011.13456).

Here u is in units in which a range of the codes' network has its own width, so that codes have
about unit variance, and (α, σ) preserve it. A level of noise is the same thing in both units where
the ratio σ/α, times that width R, is: the network is asked at that time, for

    n = α_n (u_t / (α R) + ½),    and the score is −ε̂(n)/σ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from invprob import tree
from invprob.diffusion import sde
from invprob.diffusion.schedules import vp, vp_time
from invprob.errors import BadParams, Incompatible
from invprob.latents import stages
from invprob.prior import Score
from invprob.weights import store
from invprob_sgilo.bundled import BUNDLED
from invprob_sgilo.published.params import PublishedScoreParams
from invprob_sgilo.published.score_load import read_net
from invprob_sgilo.published.score_net import PublishedNet
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Carry

WHAT = {"w": "codes", "h": "features"}
T_MIN = 1e-3
"""The least time at which the published samplers ask their networks."""


class PublishedScore(Score[Carry]):
    """s(u, t) for latents of Gaussian codes, features and noise maps, without an image so far.

    Args:
        like: Latents of the stage, batch first.
        nets: The networks of the leaves ``"w"`` and ``"h"`` that have one.
        ranges: The values of these leaves that the networks see as 0 and as 1; ``"w"`` always.

    Raises:
        BadParams: If a range does not ascend.
        Incompatible: If a network does not fit the latents.
    """

    def __init__(
        self,
        like: Carry,
        nets: Mapping[str, PublishedNet],
        ranges: Mapping[str, tuple[float, float]],
    ) -> None:
        super().__init__()
        for name, net in nets.items():
            _check(name, getattr(like, name), net)
        for name, (low, high) in ranges.items():
            if low >= high:
                raise BadParams(f"the range {low}, {high} of {WHAT[name]} does not ascend", "")
        self.nets = nn.ModuleDict(nets)
        self.ranges = {name: ranges[name] for name in nets}
        low, high = ranges["w"]
        self.width = high - low
        alpha, sigma = vp(torch.tensor(T_MIN))
        self.t_min = float(vp_time(self.width * sigma / alpha))

    @classmethod
    def from_params(cls, params: PublishedScoreParams, generator: StyleGAN2, stage: int) -> Self:
        """The prior of a stage from files, as the registry makes it.

        Args:
            params: The files and the ranges.
            generator: A StyleGAN-2 with Gaussian codes.
            stage: The stage, from 1 to the generator's depth − 1.

        Returns:
            The prior, on the CPU.

        Raises:
            BadWeights: If a file is missing, damaged or not such a network.
            Incompatible: If the generator's latents are of another kind, or a network of another
                stage.
        """
        codes_alone = isinstance(generator, StyleGAN2) and generator.gaussian
        if not codes_alone or (stage > 1 and generator.carry_rgb):
            raise Incompatible(
                "published score networks know Gaussian codes, and no image so far",
                "give --generator stylegan2:weights=…,codes=gaussian,carry_rgb=false",
            )
        if not 1 <= stage < generator.depth:
            raise Incompatible(
                f"published score networks are not for stage {stage}", "choose 1 to 4"
            )
        if (stage > 1) != (params.features is not None):
            raise Incompatible(
                f"stage {stage} has {'' if stage > 1 else 'no '}features beside its codes",
                "give features=layer1.pth for stage 2, layer2.pth for 3, …, and none for stage 1",
            )
        files = {"w": params.codes, "h": params.features}
        nets = {
            k: read_net(store.locate(name, BUNDLED), params.time_activation)
            for k, name in files.items()
            if name
        }
        ranges = {"w": params.codes_range, "h": params.features_range}
        like = cast(Carry, stages.draws(generator, stage, [0], "like"))
        prior = cls(like, nets, ranges)
        prior.assumed = next((net.assumed for net in nets.values() if net.assumed), "")
        return prior

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return vp(t)

    def score(self, u: Carry, t: Tensor) -> Carry:
        alpha, sigma = vp(t)
        time = vp_time(sigma / alpha / self.width).clamp(T_MIN, 1)
        out = []
        for name, leaf in tree.items(u):
            if name not in self.nets:
                out.append(-leaf)  # of unit variance, which (α, σ) keeps
                continue
            published = tree.per_element(vp(time)[0], leaf)
            n = published * (leaf / (tree.per_element(alpha, leaf) * self.width) + 0.5)
            out.append(-self._noise(name, n, time) / tree.per_element(sigma, leaf))
        return tree.unflatten(u, out)

    def released_step(self, u: Carry, t: Tensor, to: Tensor) -> Carry:
        """The mean of a reverse step in the networks' own units and times.

        The released loop makes it from latents that it takes to be noised already.

        Args:
            u: Latents in the units of the prior, batch first.
            t: Times of the networks in [0.001, 1], (B,).
            to: Earlier times, (B,).

        Returns:
            A latent like u, in the units of the prior.
        """
        n = self._in_nets(u, lambda leaf: leaf / self.width + 0.5)
        ahead = sde.euler_maruyama(_AsPublished(self), n, t, to, None)
        return self._in_nets(ahead, lambda leaf: (leaf - 0.5) * self.width)

    def _in_nets(self, u: Carry, move: Callable[[Tensor], Tensor]) -> Carry:
        leaves = tree.items(u)
        return tree.unflatten(u, [move(x) if name in self.nets else x for name, x in leaves])

    def _noise(self, name: str, n: Tensor, time: Tensor) -> Tensor:
        """ε̂ of a leaf. Codes that the stages before have used up are taken to be like the next."""
        net = self.nets[name]
        assert isinstance(net, PublishedNet)
        if n.dim() == 4:
            found: Tensor = net(n.flatten(2).transpose(1, 2), time)
            return found.transpose(1, 2).reshape(n.shape)
        used = net.size.tokens - n.shape[1]
        whole = torch.cat([n[:, :1].expand(-1, used, -1), n], 1)
        codes: Tensor = net(whole, time)[:, used:]
        return codes

    def normalise(self, x: Carry) -> Carry:
        return self._moved(x, lambda leaf, low, width: ((leaf - low) / width - 0.5) * self.width)

    def restore(self, u: Carry) -> Carry:
        return self._moved(u, lambda leaf, low, width: (leaf / self.width + 0.5) * width + low)

    def _moved(self, x: Carry, move: Any) -> Carry:
        out = []
        for name, leaf in tree.items(x):
            if name in self.ranges:
                low, high = self.ranges[name]
                leaf = move(leaf, low, high - low)
            out.append(leaf)
        return tree.unflatten(x, out)


class _AsPublished(Score[Carry]):
    """The networks in their own units: latents brought to about [0, 1], and noised."""

    t_min = T_MIN

    def __init__(self, of: PublishedScore) -> None:
        super().__init__()
        self.of = of

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return vp(t)

    def score(self, u: Carry, t: Tensor) -> Carry:
        _, sigma = vp(t)
        out = []
        for name, leaf in tree.items(u):
            if name in self.of.nets:
                leaf = self.of._noise(name, leaf, t) / tree.per_element(sigma, leaf)
            out.append(-leaf)
        return tree.unflatten(u, out)


def _check(name: str, leaf: Tensor | None, net: PublishedNet) -> None:
    what, size = WHAT[name], net.size
    if leaf is None:
        raise Incompatible(f"this stage has no {what}, but a network for them is given", "")
    tokens, channels = (
        (leaf.shape[1], leaf.shape[2]) if leaf.dim() == 3 else (leaf[0, 0].numel(), leaf.shape[1])
    )
    fits = tokens <= size.tokens if name == "w" else tokens == size.tokens
    if channels != size.channels or not fits:
        raise Incompatible(
            f"the network of the {what} is for {size.tokens} tokens of {size.channels} channels,"
            f" and the {what} of this stage are {tokens} of {channels}",
            "layer1.pth of the release is for stage 2 (4×4 features), layer2.pth for 3, and so on",
        )
