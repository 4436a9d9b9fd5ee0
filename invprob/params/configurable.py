"""Components whose constructors take the fields of their `Params` by name."""

from __future__ import annotations

import inspect
import re
import textwrap
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic.fields import FieldInfo

from invprob.errors import BadParams
from invprob.params.model import Params


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
            *context: What else its kind is made from (see `invprob.plugin`); unused here.
            **named: The same by name; unused here.

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
