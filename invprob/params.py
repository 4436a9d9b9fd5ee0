"""Parameters: one frozen pydantic model per component gives options, errors, schema and docs."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from invprob.errors import BadParams, nearest


class Params(BaseModel):
    """Base of all parameter models: frozen, unknown keys refused, text coerced field by field."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, data: Any) -> Any:
        """Values written on a command line: ``a,b`` for a tuple, ``none`` for None."""
        if not isinstance(data, Mapping):
            return data
        out = {}
        for key, value in data.items():
            name = key.replace("-", "_") if isinstance(key, str) else key
            annotation = cls.model_fields[name].annotation if name in cls.model_fields else None
            out[name] = _from_text(value, annotation) if isinstance(value, str) else value
        return out

    @classmethod
    def parse(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """The model of `values`, or `BadParams` that names every fault at once."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise BadParams(*_explain(cls, error, where)) from None


def _from_text(text: str, annotation: Any) -> Any:
    options = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    if type(None) in options and text.lower() == "none":
        return None
    for option in options:
        if typing.get_origin(option) is typing.Literal:
            return {str(choice): choice for choice in typing.get_args(option)}.get(text, text)
        if typing.get_origin(option) in (tuple, list) and Spec not in typing.get_args(option):
            return [part for part in text.strip("[]()").split(",") if part.strip()]
    return text


def _is_union(annotation: Any) -> bool:
    import types

    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _explain(model: type[BaseModel], error: ValidationError, where: str) -> tuple[str, str]:
    faults = []
    hint = ""
    for fault in error.errors(include_url=False):
        path = ".".join(str(p) for p in (where, *fault["loc"]) if p != "")
        if fault["type"] == "extra_forbidden":
            faults.append(f"{path}: there is no such parameter")
            hint = hint or nearest(str(fault["loc"][-1]), model.model_fields)
        else:
            message = fault["msg"].removeprefix("Value error, ")
            message = message[0].lower() + message[1:]
            given = fault["input"]
            got = "" if isinstance(given, Mapping) else f" (got {given!r})"
            faults.append(f"{path}: {message}{got}" if path else message + got)
    if not hint and where:
        kind, _, rest = where.partition(" ")
        hint = f"see `invprob show {kind} {rest.split('.')[0]}`" if rest else ""
    return "; ".join(faults), hint


_NEXT_KEY = re.compile(r",(?=\s*[A-Za-z_][\w.\-]*\s*=)")


class Spec(BaseModel):
    """A component by name with raw parameters, written ``name:key=value,key=value``."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @property
    def params(self) -> dict[str, Any]:
        """The parameters as given."""
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        return read_spec(data) if isinstance(data, str) else data

    def with_params(self, **changes: Any) -> Spec:
        """The same component with some parameters replaced."""
        return Spec.model_validate({"name": self.name, **self.params, **changes})

    def __str__(self) -> str:
        def show(value: Any) -> str:
            if isinstance(value, (list, tuple)):
                return ",".join(map(str, value))
            return str(value)

        pairs = ",".join(f"{key}={show(value)}" for key, value in self.params.items())
        return f"{self.name}:{pairs}" if pairs else self.name


def read_spec(text: str) -> dict[str, Any]:
    """``name:key=value,key=value`` as a dictionary; a value may hold commas: ``steps=300,300``."""
    name, _, rest = text.strip().partition(":")
    spec: dict[str, Any] = {"name": name.strip()}
    if not spec["name"]:
        raise BadParams(f"{text!r} names no component", "write name:key=value,key=value")
    for pair in _NEXT_KEY.split(rest) if rest.strip() else []:
        key, equals, value = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key or not value.strip():
            raise BadParams(
                f"{pair.strip()!r} in {text!r} is not key=value", "write name:key=value,key=value"
            )
        if key in spec:
            raise BadParams(f"{key!r} is given twice in {text!r}", "keep one of them")
        spec[key] = value.strip()
    return spec
