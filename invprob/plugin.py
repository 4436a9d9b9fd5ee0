"""What a plugin author imports: the record of a component and the marker of the hook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pluggy

Kind = Literal[
    "solver", "operator", "noise", "generator", "prior", "trainer", "observer", "converter"
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
API = 1
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""What the name of a component looks like."""

hookspec = pluggy.HookspecMarker("invprob")
hookimpl = pluggy.HookimplMarker("invprob")


@dataclass(frozen=True)
class Component:
    """One thing a plugin offers, described by strings so that nothing heavy is imported.

    `target` is ``"module:name"`` or ``"module:Class.factory"``, `params` is ``"module:name"``. The
    target is called with an instance of the params model and, by kind, with: operator ``(params,
    in_shape, seed)``; prior ``(params, generator, stage)``, the generator None for a prior of
    images where there is none; solver, noise, generator ``(params)``; trainer ``(params, source,
    out)``; observer ``(params, context)``, an `invprob.callback.CallbackContext`; converter
    ``(params)``, an `invprob.converter.Converter`. A component without parameters has
    ``"invprob.params:Params"``.

    `needs` says what a solver cannot do without: ``"generator"``, ``"prior.score"``,
    ``"prior.log_density"``, ``"prior.denoiser"``, ``"prior.proximal"``. `offers` says what a prior
    can do, ``"pixels"`` that it is one of images and has their `image_shape`, or ``"linear"`` for
    an operator. `defaults` fills what a run of a solver leaves open, by full names, which stay
    clear when another plugin offers the same name: ``(("generator", "sgilo.stylegan2"),)``; that of
    a prior names the generator over whose latents it is. `aliases` are names that the component had
    before; it is still found by them, with a notice.
    """

    kind: Kind
    name: str
    target: str
    params: str
    summary: str
    needs: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    api: int = API


class Hooks:
    """The hooks of invprob."""

    @hookspec
    def invprob_components(self) -> list[Component]:  # type: ignore[empty-body]
        """The components a plugin offers; called once, must import nothing heavy."""


def check(component: Any) -> None:
    """Raise with a sentence if a component is not described as it must be."""
    if not isinstance(component, Component):
        raise TypeError(f"the manifest returned {component!r}, not an invprob.plugin.Component")
    if component.api != API:
        raise RuntimeError(f"it is written for interface {component.api}, this is {API}")
    if component.kind not in KINDS:
        raise ValueError(f"unknown kind {component.kind!r}; kinds are {', '.join(KINDS)}")
    what = f"{component.kind} {component.name!r}"
    if not isinstance(component.name, str) or not NAME.fullmatch(component.name):
        raise ValueError(f"{what}: a name is made of lower-case letters, digits, '-' and '_'")
    for part in ("target", "params"):
        if not re.fullmatch(r"[\w.]+:\w+(\.\w+)*", str(getattr(component, part))):
            raise ValueError(f"{what}: {part} {getattr(component, part)!r} is not 'module:name'")
    if not isinstance(component.summary, str):
        raise TypeError(f"{what}: its summary is no text")
    for part in ("needs", "offers", "aliases"):
        words = getattr(component, part)
        if not isinstance(words, tuple) or not all(isinstance(word, str) for word in words):
            raise TypeError(f"{what}: {part} is no tuple of texts, but {words!r}")
    pairs = component.defaults
    sound = isinstance(pairs, tuple) and all([type(v) for v in p] == [str, str] for p in pairs)
    if not sound:
        raise TypeError(f"{what}: defaults is no tuple of pairs of texts, but {pairs!r}")
