"""What a plugin author imports: the record of a component and the marker of the hook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pluggy

Kind = Literal["solver", "operator", "noise", "generator", "prior", "trainer"]
KINDS: tuple[Kind, ...] = ("solver", "operator", "noise", "generator", "prior", "trainer")
API = 1

hookspec = pluggy.HookspecMarker("invprob")
hookimpl = pluggy.HookimplMarker("invprob")


@dataclass(frozen=True)
class Component:
    """One thing a plugin offers, described by strings so that nothing heavy is imported.

    `target` and `params` are ``"module:name"``. The target is called with an instance of the params
    model and, by kind, with: operator ``(params, in_shape, seed)``; prior ``(params, generator,
    stage)``, the generator None for a prior of images where there is none; solver, noise,
    generator ``(params)``; trainer ``(params, source, out)``.

    `needs` says what a solver cannot do without: ``"generator"``, ``"prior.score"``,
    ``"prior.log_density"``, ``"prior.denoiser"``, ``"prior.proximal"``. `offers` says what a prior
    can do, ``"pixels"`` that it is one of images and has their `image_shape`, or ``"linear"`` for
    an operator. `defaults` fills what a run of a solver leaves open, e.g.
    ``(("generator", "stylegan2"), ("prior", "latent-score"))``; that of a prior names the generator
    over whose latents it is.
    """

    kind: Kind
    name: str
    target: str
    params: str
    summary: str
    needs: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    api: int = API


class Hooks:
    """The hooks of invprob."""

    @hookspec
    def invprob_components(self) -> list[Component]:  # type: ignore[empty-body]
        """The components a plugin offers; called once, must import nothing heavy."""
