"""Faults of parameters in our words instead of pydantic's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

WORDS = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "tuple_type": "must be a list of values: a,b",
    "dict_type": "must be a table of names and values",
    "missing": "must be given",
    "model_type": "must be written NAME:key=value",
    "model_attributes_type": "must be written NAME:key=value",
}
"""What is said of a type of fault; of others, pydantic's own words in our form."""


def sentence(fault: Mapping[str, Any]) -> str:
    """Say what is wrong with a value.

    Args:
        fault: One of `pydantic.ValidationError.errors`.

    Returns:
        A clause such as ``must be a whole number``, or the sentence of a validator of ours.
    """
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in WORDS:
        return WORDS[kind]
    if kind == "string_pattern_mismatch":
        form = re.sub(r"\\d\+", "N", context["pattern"].strip("^$")).replace("\\", "")
        return f"must be of the form {form}"
    if kind in ("too_short", "too_long"):
        least = kind == "too_short"
        limit = context["min_length" if least else "max_length"]
        side = "at least" if least else "at most"
        return f"must have {side} {limit} value{'s'[: limit != 1]}, not {context['actual_length']}"
    text = str(fault["msg"]).removeprefix("Value error, ")
    text = re.sub(r"^(Input|String|Value) should ", "must ", text)
    return text[:1].lower() + text[1:]


def place(path: Sequence[Any]) -> str:
    """Name a parameter, or a value in its list.

    Args:
        path: Names of parameters, and numbers of values from 0.

    Returns:
        ``solver sgilo.steps``, or ``solver sgilo.steps, value 2``.
    """
    *rest, last = path or ("",)
    number = f", value {last + 1}" if isinstance(last, int) else ""
    names = rest if number else path
    return ".".join(str(part) for part in names if part != "") + number
