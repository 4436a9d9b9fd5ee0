"""What a plugin author imports: the record of a component and the marker of the hook."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import pluggy

if TYPE_CHECKING:
    from invprob.callback import Callback, CallbackContext
    from invprob.converter import Converter
    from invprob.generator import Generator
    from invprob.noise import Noise
    from invprob.operator import Operator
    from invprob.prior import Prior
    from invprob.solver import Solver
    from invprob.trainer import TrainingProgress

Kind = Literal[
    "solver", "operator", "noise", "generator", "prior", "trainer", "observer", "converter"
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
API = 1
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""What the name of a component looks like."""

hookspec = pluggy.HookspecMarker("invprob")
hookimpl = pluggy.HookimplMarker("invprob")


class SolverFactory(Protocol):
    """What makes a solver: of an instance of its params model."""

    def __call__(self, params: Any, /) -> Solver: ...


class OperatorFactory(Protocol):
    """What makes an operator.

    It is called with its parameters, the shape of an image or of what the operator before it gives,
    and the seed of what it draws. The noise of the run is put in by `Operator.with_noise`.
    """

    def __call__(self, params: Any, in_shape: tuple[int, ...], seed: int, /) -> Operator: ...


class NoiseFactory(Protocol):
    """What makes a noise: of its parameters."""

    def __call__(self, params: Any, /) -> Noise: ...


class GeneratorFactory(Protocol):
    """What makes a generator: of its parameters."""

    def __call__(self, params: Any, /) -> Generator: ...


class PriorFactory(Protocol):
    """What makes the prior of a stage.

    It is called with its parameters, the generator over whose latents it is, None for a prior of
    images where there is none, and the stage, 0 for images.
    """

    def __call__(self, params: Any, generator: Any, stage: int, /) -> Prior: ...


class TrainerFactory(Protocol):
    """What trains: a generator function that reports its progress (see `invprob.trainer`).

    It is called with its parameters, what to learn from, and the folder for what it writes.
    """

    def __call__(self, params: Any, source: Path, out: Path, /) -> Iterator[TrainingProgress]: ...


class CallbackFactory(Protocol):
    """What makes a callback: of its parameters and the context of the run that it sees."""

    def __call__(self, params: Any, context: CallbackContext, /) -> Callback: ...


class ConverterFactory(Protocol):
    """What makes a converter: of its parameters."""

    def __call__(self, params: Any, /) -> Converter: ...


@dataclass(frozen=True)
class Component:
    """One thing a plugin offers, described by strings so that nothing heavy is imported.

    Attributes:
        kind: One of `KINDS`.
        name: Its name, unique among those of its kind in the plugin.
        target: ``"module:name"`` or ``"module:Class.factory"``, called as the protocol of its kind
            says: `SolverFactory`, `OperatorFactory`, `NoiseFactory`, `GeneratorFactory`,
            `PriorFactory`, `TrainerFactory`, `CallbackFactory`, `ConverterFactory`.
        params: ``"module:name"``, the model of its parameters; without any,
            ``"invprob.params:Params"``.
        summary: One line of at most 100 characters that ends in a full stop.
        needs: What a solver cannot do without: ``"generator"``, ``"prior.score"``,
            ``"prior.log_density"``, ``"prior.denoiser"``, ``"prior.proximal"``.
        offers: What a prior can do, ``"pixels"`` that it is one of images and has their
            `image_shape`, or ``"linear"`` for an operator.
        defaults: What fills the gaps of a run of a solver, by full names, which stay clear when
            another plugin offers the same name: ``(("generator", "sgilo.stylegan2"),)``; that of a
            prior names the generator over whose latents it is. A solver that draws nothing has
            ``("samples", "1")`` among them.
        aliases: Names that the component had before; it is still found by them, with a notice.
        api: The version of the plugin interface, `API`.
        group: Under what ``invprob list KIND`` shows it, a word or two; without one, under the name
            of its plugin, where others of its kind have groups.
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
    group: str = ""


class Hooks:
    """The hooks of invprob."""

    @hookspec
    def invprob_components(self) -> list[Component]:  # type: ignore[empty-body]
        """The components a plugin offers; called once, must import nothing heavy."""


def exports(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions by which a package offers names that are imported when they are first used.

    ``__getattr__, __dir__ = exports(__name__, {"Huber": "prior"})`` in the ``__init__`` of a
    package, so that its manifest imports nothing heavy (PEP 562).

    Args:
        package: The name of the package.
        homes: The modules of the names, relative to the package.

    Returns:
        ``__getattr__`` and ``__dir__`` of the package.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return find, names


def check(component: Any) -> None:
    """Check the description of a component.

    Args:
        component: What a manifest returned.

    Raises:
        RuntimeError: If it is written for another interface of invprob.
        TypeError: If it is not a component, or a field has another type.
        ValueError: If its kind, its name, its target or its params are not what they must be.
    """
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
    for part in ("summary", "group"):
        if not isinstance(getattr(component, part), str):
            raise TypeError(f"{what}: its {part} is not a text")
    for part in ("needs", "offers", "aliases"):
        words = getattr(component, part)
        if not isinstance(words, tuple) or not all(isinstance(word, str) for word in words):
            raise TypeError(f"{what}: {part} is not a tuple of texts, but {words!r}")
    pairs = component.defaults
    sound = isinstance(pairs, tuple) and all([type(v) for v in p] == [str, str] for p in pairs)
    if not sound:
        raise TypeError(f"{what}: defaults is not a tuple of pairs of texts, but {pairs!r}")
