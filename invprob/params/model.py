"""The base of all parameter models."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from invprob.errors import BadParams, nearest, notify
from invprob.params.quoting import cut, unquote
from invprob.params.spec import Spec
from invprob.params.wording import place, sentence

LEAST, LARGEST = 1e-18, 1e18
"""Sizes of numbers, 0 aside, whose squares are still numbers in single precision."""


class Params(BaseModel):
    """Base of all parameter models: frozen, unknown keys refused, text coerced field by field.

    A model that gives a parameter another name lists the old one in `renamed`, as ``{old: new}``.
    The old name is then accepted, with a notice. One that gets new parameters, whose defaults
    change what is computed, lists them in `added` as ``{name: what was computed before}``: values
    that name all other parameters and none of these are the record of an older run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    renamed: ClassVar[Mapping[str, str]] = {}
    added: ClassVar[Mapping[str, Any]] = {}

    headings: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Names of parameters by the heading under which they are shown; empty for a short list."""

    usage: ClassVar[str] = ""
    """The hint of a fault in a model that belongs to no component."""

    @classmethod
    def sections(cls) -> dict[str, tuple[str, ...]]:
        """The names of all parameters by heading.

        Returns:
            `headings`, and under ``other`` what they leave out; if there are none, everything under
            the empty text.
        """
        named = {name for names in cls.headings.values() for name in names}
        rest = tuple(name for name in cls.model_fields if name not in named)
        heading = "other" if cls.headings else ""
        return {**cls.headings, **({heading: rest} if rest else {})}

    def refuse_unused(self, names: Iterable[str], why: str) -> None:
        """Refuse parameters that the others leave without effect; for validators.

        Args:
            names: The parameters.
            why: What leaves them so, and what to do about it, to go on after "has no effect".

        Raises:
            ValueError: If one is not the default, which records of runs hold as well.
        """
        for name in names:
            value = getattr(self, name)
            if value != type(self).model_fields[name].default:
                raise ValueError(f"{name}={_written(value)} has no effect {why}")

    @model_validator(mode="after")
    def _in_single_precision(self) -> Self:
        """Numbers are computed with in float32, which holds no square of 1e300 or 1e-30."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, float) and number and not LEAST <= abs(number) <= LARGEST:
                    limits = f"{LEAST:g} to {LARGEST:g} in size"
                    raise ValueError(f"{name}={number:g} is not 0 and not {limits}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, data: Any) -> Any:
        """Values written on a command line: ``a,b`` for a tuple, ``none`` for None."""
        if not isinstance(data, Mapping):
            return data
        out = {}
        for key, value in cls._current(data).items():
            annotation = cls.model_fields[key].annotation if key in cls.model_fields else None
            value = value if _takes_bool(annotation) else _without_bools(value)
            out[key] = _from_text(value, annotation) if isinstance(value, str) else value
        return out

    @classmethod
    def _current(cls, data: Mapping[Any, Any]) -> dict[Any, Any]:
        """`data` under the names of today, with underscores."""
        out = {k.replace("-", "_") if isinstance(k, str) else k: v for k, v in data.items()}
        found = {old: new for old, new in cls.renamed.items() if old in out}
        for old, new in found.items():
            if new in out:
                raise ValueError(f"{old!r} is the old name of {new!r}, and both are given")
            out[new] = out.pop(old)
        if found:
            names = ", ".join(f"{old} (now {new})" for old, new in found.items())
            notify(f"{cls.__name__}: the next release refuses the old names {names}")
        # a record leaves out what is None
        known = {k for k, field in cls.model_fields.items() if field.default is not None}
        if (
            cls.added
            and not out.keys() & cls.added.keys()
            and out.keys() >= known - cls.added.keys()
        ):
            out |= cls.added
        return out

    @classmethod
    def parse(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """Read the model from values as Python, TOML or a command line has them.

        Args:
            values: Parameters by name; texts are read as on a command line.
            where: What the parameters belong to, for the message: ``"solver sgilo"``.

        Returns:
            The model.

        Raises:
            BadParams: For unknown names and values out of range; it names every fault at once.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise BadParams(*_explain(cls, error, where)) from None


class OperatorParams(Params):
    """Base of the parameters of operators whose measured picture has another shape than the image.

    So a measurement of any size can be solved for an image of its size.
    """

    def image_shape(self, measured: tuple[int, int, int]) -> tuple[int, int, int] | None:
        """Tell what shape of image gives a measured picture.

        Args:
            measured: The shape of the picture, (C, h, w).

        Returns:
            The shape of the image, (C, H, W); None where a measurement does not tell it.
        """
        return measured


def _from_text(text: str, annotation: Any) -> Any:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    options = typing.get_args(annotation) if union else (annotation,)
    if type(None) in options and text.lower() == "none":
        return None
    for option in options:
        if typing.get_origin(option) is typing.Literal:
            return {str(choice): choice for choice in typing.get_args(option)}.get(text, text)
        if typing.get_origin(option) in (tuple, list) and Spec not in typing.get_args(option):
            inner = text[1:-1] if text[:1] + text[-1:] in ("[]", "()") else text
            return [unquote(part) for part in cut(inner, ",") if part.strip()]
    return text


def _written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _without_bools(value: Any) -> Any:
    """True and false as texts, for pydantic takes them for the numbers 1 and 0."""
    if isinstance(value, (list, tuple)) and any(isinstance(v, bool) for v in value):
        return [_without_bools(v) for v in value]
    return str(value).lower() if isinstance(value, bool) else value


def _takes_bool(annotation: Any) -> bool:
    parts = typing.get_args(annotation)
    return annotation in (bool, Any, None) or any(p is True or _takes_bool(p) for p in parts)


def _explain(model: type[BaseModel], error: ValidationError, where: str) -> tuple[str, str]:
    faults = []
    hint = ""
    for fault in error.errors(include_url=False):
        path = place((where, *fault["loc"]))
        if fault["type"] == "extra_forbidden":
            faults.append(f"{path}: there is no such parameter")
            hint = hint or nearest(str(fault["loc"][-1]), model.model_fields)
        else:
            message, given = sentence(fault), fault["input"]
            got = "" if isinstance(given, Mapping) else f" (got {given!r})"
            faults.append(f"{path}: {message}{got}" if path else message + got)
    hint = hint or getattr(model, "usage", "")
    if not hint and where:
        kind, _, rest = where.partition(" ")
        hint = f"see `invprob show {kind} {rest.split('.')[0]}`" if rest else ""
    return "; ".join(faults), hint
