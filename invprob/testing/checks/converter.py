"""What a converter owes: it tells its format from any other, whatever a file holds."""

from __future__ import annotations

from typing import Any

import torch

from invprob.testing.check import Failed, check, require
from invprob.testing.target import Case
from invprob.weights.unpickle import Inert

ODD: tuple[Any, ...] = (
    *(None, 1, "text", b"bytes", [], {}, (), [None], {"state": 1}, {1: {}}, {"state_dict": None}),
    *({"model": torch.zeros(2)}, {"weight": torch.zeros(())}, torch.zeros(3), Inert("a.B", None)),
)
"""Trees of files that are of no published format."""


@check("converter")
def recognises_nothing_odd(case: Case) -> None:
    """`recognise` must be False of a tree that is not of its format, and never raise: it is asked
    of every file, so look whether a key is there, and whether a value is what you read it as."""
    converter = case.make()
    for tree in ODD:
        try:
            answer = converter.recognise(tree)
        except Exception as error:
            raise Failed(f"of {tree!r} it raises {type(error).__name__}: {error}") from error
        require(answer is False, f"of {tree!r} it returns {answer!r}")
