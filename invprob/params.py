"""Parameters: one frozen pydantic model per component gives options, errors, schema and docs.

`Configurable` lets a class take the fields of its model as keyword arguments.
"""

from __future__ import annotations

import inspect
import re
import textwrap
import types
import typing
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.fields import FieldInfo

from invprob.errors import BadParams, nearest


class Params(BaseModel):
    """Base of all parameter models: frozen, unknown keys refused, text coerced field by field.

    A model that gives a parameter another name lists the old one in `renamed`, as ``{old: new}``.
    The old name is then accepted, with a `FutureWarning`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    renamed: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, data: Any) -> Any:
        """Values written on a command line: ``a,b`` for a tuple, ``none`` for None."""
        if not isinstance(data, Mapping):
            return data
        out = {}
        for key, value in cls._current(data).items():
            annotation = cls.model_fields[key].annotation if key in cls.model_fields else None
            out[key] = _from_text(value, annotation) if isinstance(value, str) else value
        return out

    @classmethod
    def _current(cls, data: Mapping[Any, Any]) -> dict[Any, Any]:
        """`data` under the names of today, with underscores."""
        out = {k.replace("-", "_") if isinstance(k, str) else k: v for k, v in data.items()}
        for old in cls.renamed.keys() & out.keys():
            new = cls.renamed[old]
            if new in out:
                raise ValueError(f"{old!r} is the old name of {new!r}, and both are given")
            notice = f"{cls.__name__}: {old!r} is called {new!r}; the next release refuses {old!r}"
            # not a DeprecationWarning, which Python hides from users of the command line
            warnings.warn(notice, FutureWarning, stacklevel=2)
            out[new] = out.pop(old)
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


def _from_text(text: str, annotation: Any) -> Any:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    options = typing.get_args(annotation) if union else (annotation,)
    if type(None) in options and text.lower() == "none":
        return None
    for option in options:
        if typing.get_origin(option) is typing.Literal:
            return {str(choice): choice for choice in typing.get_args(option)}.get(text, text)
        if typing.get_origin(option) in (tuple, list) and Spec not in typing.get_args(option):
            return [part for part in text.strip("[]()").split(",") if part.strip()]
    return text


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


class Configurable:
    """A component made from the values of its `Params`, which are given by name.

    `params_type` is the model: the signature of the class and the section Args of its docstring
    follow from it. Fields in `positional` need no name. One instance of the model is accepted too.

    A class that takes more than parameters (a tensor, a network) has a constructor of its own,
    ``__init__(self, mask, *, seed=0, **values)``, which calls `read(**values)`. The signature then
    has `mask` and `seed`, and the fields in the place of ``**values``.
    """

    params_type: ClassVar[type[Params]] = Params
    positional: ClassVar[tuple[str, ...]] = ()
    __signature__: ClassVar[inspect.Signature]

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__()
        self.params = self.read(*args, **values)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = list(inspect.signature(cls.__init__).parameters.values())[1:]
        fields: dict[str, FieldInfo] = {}
        if any(p.kind is p.VAR_KEYWORD for p in own):
            own = [p for p in own if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
            taken = {p.name for p in own}
            fields = {n: f for n, f in cls.params_type.model_fields.items() if n not in taken}
        both = own + [_parameter(n, f, n in cls.positional) for n, f in fields.items()]
        cls.__signature__ = inspect.Signature(sorted(both, key=lambda p: p.kind))
        if fields:
            cls.__doc__ = _with_args(inspect.cleandoc(vars(cls).get("__doc__") or ""), fields)

    @classmethod
    def from_params(cls, params: Any, *context: Any, **named: Any) -> Self:
        """Make the component from an instance of its model, as the registry does.

        Args:
            params: An instance of `params_type`.
            context, named: What else its kind is made from (see `invprob.plugin`); unused here.

        Returns:
            The component.

        Raises:
            BadParams: If `params` is an instance of another model.
        """
        return cls(params)

    @classmethod
    def read(cls, *args: Any, **values: Any) -> Any:
        """Read what a constructor was given as parameters.

        Args:
            args: Values of the fields in `positional`, or a single instance of `params_type`.
            values: Values of fields by name.

        Returns:
            An instance of `params_type`.

        Raises:
            BadParams: For unknown names, values out of range, and values given twice.
        """
        name, model, hint = cls.__name__, cls.params_type, f"see help({cls.__name__})"
        if len(args) == 1 and isinstance(args[0], Params):
            if isinstance(args[0], model) and not values:
                return args[0]
            got = type(args[0]).__name__ + (" and more by name" if values else "")
            raise BadParams(f"{name} takes one {model.__name__} alone, not {got}", hint)
        if extra := args[len(cls.positional) :]:
            raise BadParams(f"{name}: {extra[0]!r} is given without the name of a parameter", hint)
        placed = dict(zip(cls.positional, args, strict=False))
        if twice := placed.keys() & values.keys():
            raise BadParams(f"{name}: {min(twice)!r} is given twice", "keep one of them")
        return model.parse(placed | values, name)


BOUNDS = (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))


def _parameter(name: str, field: FieldInfo, positional: bool) -> inspect.Parameter:
    kinds = inspect.Parameter
    kind = kinds.POSITIONAL_OR_KEYWORD if positional else kinds.KEYWORD_ONLY
    default = kinds.empty if field.is_required() else field.get_default(call_default_factory=True)
    return inspect.Parameter(name, kind, default=default, annotation=_bare(field.annotation))


def _bare(annotation: Any) -> Any:
    """The annotation without the bounds that ``Annotated`` adds to it."""
    arguments = tuple(map(_bare, typing.get_args(annotation)))
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return arguments[0]
    return origin[arguments] if origin in (tuple, list) else annotation


def _with_args(doc: str, fields: Mapping[str, FieldInfo]) -> str:
    """The docstring with an entry for each field at the end of its section Args."""
    entries = []
    for name, field in fields.items():
        pairs = [(sign, getattr(m, key, None)) for m in field.metadata for key, sign in BOUNDS]
        bounds = ", ".join(f"{sign} {value}" for sign, value in pairs if value is not None)
        text = f"{name}: {field.description or ''}" + (f" [{bounds}]" if bounds else "")
        entries.append(textwrap.fill(text, 92, initial_indent=" " * 4, subsequent_indent=" " * 8))
    head, *rest = re.split(r"\n+(?=(?:Returns|Raises|Examples?):\n)", doc, maxsplit=1)
    head += "" if "Args:\n" in head else "\n\nArgs:"
    return "\n\n".join(["\n".join([head, *entries]), *rest])


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
            listed = isinstance(value, (list, tuple))
            return ",".join(map(str, value)) if listed else str(value)

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
