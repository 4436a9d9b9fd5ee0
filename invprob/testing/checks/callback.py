"""What an observer owes: it watches a run, which is the same as without it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from invprob.callback import Callback, CallbackContext
from invprob.errors import InvprobError
from invprob.testing import compare, toys
from invprob.testing.check import Inapplicable, check, require
from invprob.testing.target import Case
from invprob.testing.toy_solver import Descent


@check("observer")
def watches_and_changes_nothing(case: Case) -> None:
    """An observer must be a `Callback` made of ``(params, context)`` that returns None or a bool,
    leaves what it sees as it is, and can be closed: copy a tensor before you write into it."""
    solver, p = Descent(), toys.problem(generator=False, abilities=[])
    with tempfile.TemporaryDirectory() as folder:
        context = CallbackContext(solver, p, 0, solver.total(p), Path(folder))
        callback = _built(case, context)
        try:
            for progress in solver.run(p):
                seen = (p.y, progress.info.image, *progress.info.metrics.values())
                before = compare.copied(seen)
                answer = callback(progress)
                require(answer in (None, True, False), f"it returns {answer!r}")
                same = compare.equal(seen, before)
                require(same, f"step {progress.state.step}: it changes what it sees")
        finally:
            callback.close()


def _built(case: Case, context: CallbackContext) -> Callback:
    target, params = case.entry.load(), case.params()
    try:
        callback: Any = target(params, context)
    except InvprobError as refusal:
        raise Inapplicable(f"it cannot be built: {refusal}") from refusal
    kind = type(callback).__name__
    require(isinstance(callback, Callback), f"the target makes a {kind}, no Callback")
    made: Callback = callback
    return made
