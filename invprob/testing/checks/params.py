"""What a params model owes: from it follow the command line, errors, TOML and documentation."""

from __future__ import annotations

import tomllib
from typing import Any

from pydantic import ValidationError

from invprob.config.toml import dumps as toml
from invprob.errors import BadParams
from invprob.params import Params, Spec
from invprob.plugin import KINDS
from invprob.testing.check import Failed, Inapplicable, check, require
from invprob.testing.target import Case


@check(*KINDS)
def params_described(case: Case) -> None:
    """The params model must be an `invprob.params.Params` with a docstring, and every field must
    have a description that ends in a full stop."""
    model = case.entry.params()
    require(isinstance(model, type) and issubclass(model, Params), f"{model!r} is not a Params")
    require(bool(vars(model).get("__doc__")), f"{model.__name__} has no docstring")
    for name, field in model.model_fields.items():
        text = field.description or ""
        require(text.endswith("."), f"the description of {name!r} is {text!r}")


@check(*KINDS)
def example_is_valid(case: Case) -> None:
    """The params model must be valid without any parameter, or name valid ones: a small instance in
    ``json_schema_extra={"examples": [{…}]}``; it is shown to users and used by these checks."""
    try:
        case.params()
    except BadParams as error:
        raise Failed(error.message) from None


@check(*KINDS)
def params_frozen(case: Case) -> None:
    """The params model must be frozen: leave ``frozen=True`` of `Params` in its model_config."""
    params = _params(case)
    for name in type(params).model_fields:
        try:
            setattr(params, name, getattr(params, name))
        except ValidationError:
            continue
        raise Failed(f"{name!r} could be set")


@check(*KINDS)
def refuses_unknown_params(case: Case) -> None:
    """The params model must refuse unknown keys: leave ``extra="forbid"`` of `Params` in its
    model_config, or a misspelt parameter is silently ignored."""
    try:
        case.entry.params().parse({**case.example, "no_such_parameter": 1})
    except BadParams:
        return
    raise Failed("no_such_parameter=1 was accepted")


@check(*KINDS)
def params_survive_storage(case: Case) -> None:
    """Parameters written as JSON and as TOML must be read back the same: use numbers, texts, tuples
    and nested `Params`, and let validators accept what they return."""
    params = _params(case)
    model = type(params)
    again = model.model_validate_json(params.model_dump_json())
    require(again == params, f"JSON gives {again!r} for {params!r}")
    table = toml(params.model_dump(mode="json", exclude_none=True))
    again = model.parse(tomllib.loads(table))
    require(again == params, f"TOML gives {again!r} for {params!r}")


@check(*KINDS)
def params_writable_as_text(case: Case) -> None:
    """Every parameter must be writable on the command line, ``name:key=value``: use numbers, texts,
    choices, and tuples of these; a table is not."""
    params = _params(case)
    written = {k: v for k, v in params.model_dump(mode="json").items() if v not in (None, "", [])}
    text = str(Spec.model_validate({"name": case.entry.component.name, **written}))
    read: Any = _parsed(case, text)
    require(read == params, f"{text} is read as {read!r}")


def _parsed(case: Case, text: str) -> Any:
    try:
        return case.entry.params().parse(Spec.model_validate(text).params)
    except BadParams as error:
        raise Failed(f"{text} is refused: {error.message}") from None


def _params(case: Case) -> Any:
    """Valid parameters."""
    try:
        return case.params()
    except BadParams as error:
        raise Inapplicable(f"its parameters are refused: {error.message}") from error
