"""The one place that makes JSON, so that all of it is valid and can be shown in any encoding."""

from __future__ import annotations

import json
import math
from typing import Any


def dumps(value: Any, **layout: Any) -> str:
    """JSON in ASCII; NaN and infinities, which JSON cannot hold, become null.

    Args:
        value: Nested dictionaries, lists, texts, numbers.
        **layout: How it is laid out, as in `json.dumps`.

    Returns:
        The text.
    """
    return json.dumps(finite(value), allow_nan=False, **layout)


def finite(value: Any) -> Any:
    """Replace numbers that JSON cannot hold by None.

    Args:
        value: Nested dictionaries and lists.

    Returns:
        The same, with None for NaN and infinities.
    """
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
