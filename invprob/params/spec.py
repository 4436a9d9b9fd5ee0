"""Components by name with raw parameters."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from invprob.errors import BadParams
from invprob.params.quoting import cut, quote, unquote

_NEXT_KEY = r",(?=\s*[A-Za-z_][\w.\-]*\s*=)"


class Spec(BaseModel):
    """A component by name with raw parameters, written ``name:key=value,key="a, b"``."""

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
        """Replace some parameters.

        Args:
            changes: Parameters by name.

        Returns:
            The spec of the same component with these parameters.
        """
        return Spec.model_validate({"name": self.name, **self.params, **changes})

    def __str__(self) -> str:
        def show(value: Any) -> str:
            if isinstance(value, (list, tuple)):
                return ",".join(quote(str(part), listed=True) for part in value)
            return quote(str(value))

        pairs = ",".join(f"{key}={show(value)}" for key, value in self.params.items())
        return f"{self.name}:{pairs}" if pairs else self.name


def read_spec(text: str) -> dict[str, Any]:
    """Read a component as a command line has it.

    Args:
        text: ``name:key=value,key=value``; a value may hold commas: ``steps=300,300``, and stand
            in quotes: ``mask="a,b=c.png"``.

    Returns:
        The name under ``"name"``, and the parameters, whose values are texts still.

    Raises:
        BadParams: If the text has another form, or names a parameter twice.
    """
    name, _, rest = text.strip().partition(":")
    spec: dict[str, Any] = {"name": name.strip()}
    if not spec["name"]:
        raise BadParams(f"{text!r} names no component", "write name:key=value,key=value")
    for pair in cut(rest, _NEXT_KEY) if rest.strip() else []:
        key, equals, value = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key or not value.strip():
            raise BadParams(
                f"{pair.strip()!r} in {text!r} is not key=value", "write name:key=value,key=value"
            )
        if key in spec:
            raise BadParams(f"{key!r} is given twice in {text!r}", "keep one of them")
        spec[key] = unquote(value)
    return spec


def read_chain(text: str) -> tuple[str, ...]:
    """Cut a composition into its components.

    Args:
        text: ``A|B``, which applies A, then B.

    Returns:
        The text of each.
    """
    return tuple(cut(text, r"\|"))
