"""Parameter models that cannot be described, trusted, written or read."""

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator

from invprob.params import Params
from tests.testing.broken import BREACHES, Breach
from tests.testing.sound import Noise, entry


class Foreign(BaseModel):
    """No Params."""


class Mute(Params):
    """A parameter without a word."""

    strength: float = 1.0


class Silent(Params):
    strength: float = Field(1.0, description="How strong.")


class Wrong(Params):
    """An example that is refused."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"strength": -1}]})

    strength: float = Field(1.0, gt=0, description="How strong.")


class Required(Params):
    """Neither a default nor an example."""

    strength: float = Field(gt=0, description="How strong.")


class Melting(Params):
    """Can be changed."""

    model_config = ConfigDict(frozen=False)

    strength: float = Field(1.0, description="How strong.")


class Lenient(Params):
    """Takes anything."""

    model_config = ConfigDict(extra="ignore")


class Lossy(Params):
    """Is written as something else."""

    strength: float = Field(1.25, description="How strong.")

    @field_serializer("strength")
    def _short(self, value: float) -> float:
        return round(value)


class Table(Params):
    """Cannot be typed."""

    weights: dict[str, float] = Field({"a": 1.0}, description="Weights by name.")


class Doubling(Params):
    """Takes what is typed for something else."""

    strength: float = Field(1.0, description="How strong.")

    @field_validator("strength", mode="before")
    @classmethod
    def _percent(cls, value: object) -> object:
        return float(value) / 100 if isinstance(value, str) else value


BREACHES += [
    Breach("params-described", entry("noise", Noise, Foreign), "is not a Params"),
    Breach("params-described", entry("noise", Noise, Mute), "'strength' is ''"),
    Breach("params-described", entry("noise", Noise, Silent), "Silent has no docstring"),
    Breach("example-is-valid", entry("noise", Noise, Wrong), "greater than 0"),
    Breach("example-is-valid", entry("noise", Noise, Required), "must be given"),
    Breach("params-frozen", entry("noise", Noise, Melting), "'strength' could be set"),
    Breach("refuses-unknown-params", entry("noise", Noise, Lenient), "accepted"),
    Breach(
        "params-survive-storage", entry("noise", Noise, Lossy), "JSON gives Lossy(strength=1.0)"
    ),
    Breach("params-writable-as-text", entry("noise", Noise, Table), "is refused"),
    Breach("params-writable-as-text", entry("noise", Noise, Doubling), "strength=0.01"),
]
