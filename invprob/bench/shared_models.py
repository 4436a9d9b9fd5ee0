"""Generators and priors that several methods of a suite name, made once for all of them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from invprob.config.registry import Registry
from invprob.io.json_text import dumps
from invprob.params import Spec
from invprob.runs import build


def sharing(most: int = 16) -> build.Make:
    """A `build.component` that remembers the generators and priors that it made.

    Args:
        most: How many it keeps, those that were asked for last.

    Returns:
        The function. What it keeps is never trained, so methods may share it; solvers are made
        anew.
    """
    kept: OrderedDict[Any, Any] = OrderedDict()

    def make(registry: Registry, kind: str, spec: Spec, *args: Any, **offered: Any) -> Any:
        if kind not in ("generator", "prior"):
            return build.component(registry, kind, spec, *args, **offered)
        # a prior belongs to the generator among its arguments, which the key keeps alive
        key = (kind, dumps(spec.model_dump(mode="json")), args, tuple(sorted(offered.items())))
        if key not in kept:
            kept[key] = build.component(registry, kind, spec, *args, **offered)
        kept.move_to_end(key)
        while len(kept) > most:
            kept.popitem(last=False)
        return kept[key]

    return make
