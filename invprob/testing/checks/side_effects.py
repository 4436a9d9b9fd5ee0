"""What a component owes to the process it runs in: it leaves no trace there, and says nothing."""

from __future__ import annotations

import contextlib
import io
import warnings

import torch
from torch import nn

from invprob.testing import compare, process_state
from invprob.testing.check import check, require
from invprob.testing.smoke_run import problem, run, smoke_run
from invprob.testing.target import Case

KINDS = ("generator", "operator", "noise", "prior", "solver")


@check(*KINDS)
def prints_nothing(case: Case) -> None:
    """A component must not print or warn: report metrics in `Info`, and let the command line speak.
    For what a user must know raise an `InvprobError`."""
    out = io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        thing, arguments = case.made()
        smoke_run(case, thing, arguments)
    require(not out.getvalue().strip(), f"it prints {out.getvalue().strip()[:80]!r}")
    require(not warned, f"it warns: {warned[0].message if warned else ''}")


@check(*KINDS)
def global_state_unchanged(case: Case) -> None:
    """Global state must stay as it is: draw from `invprob.seeds` or the generator given, never from
    the global ones of torch, NumPy or Python, and set no dtype, thread count or gradient mode."""
    with process_state.kept():
        process_state.set_apart()
        before = process_state.read()
        smoke_run(case, *case.made())
        changed = process_state.changed(before)
    require(not changed, f"it changes {', '.join(changed)}")


@check(*KINDS)
def same_seed_same_results(case: Case) -> None:
    """Made twice of the same parameters and seed, a component must give the same: derive every draw
    from the seed, the keys or the generator given (see `invprob.seeds`)."""
    first, second = (smoke_run(case, *case.made()) for _ in range(2))
    require(len(first) == len(second), f"{len(first)} results, then {len(second)}")
    for i, (a, b) in enumerate(zip(first, second, strict=True)):
        gap = compare.difference(a, b)
        require(gap < compare.SAME, f"result {i} of {len(first)} differs by {gap:.2g}")


@check(*KINDS)
def weights_and_problem_unchanged(case: Case) -> None:
    """Weights, buffers and the problem must stay as they are, and `requires_grad` too:
    differentiate with `torch.autograd.grad` at detached copies, and write nothing in place."""
    thing, arguments = case.made()
    if case.kind != "solver":
        before = _frozen({"it": thing})
        smoke_run(case, thing, arguments)
        _compare(before, _frozen({"it": thing}))
        return
    p = problem(case)
    parts = {"the operator": p.operator, "the generator": p.generator}
    parts |= {f"the prior of stage {stage}": prior for stage, prior in p.priors.items()}
    before, y = _frozen(parts), p.y.clone()
    run(thing, p)
    _compare(before, _frozen(parts))
    require(compare.equal(p.y, y), "the measurement changes")


Numbers = dict[str, tuple[torch.Tensor, bool]]


def _frozen(modules: dict[str, nn.Module]) -> Numbers:
    """The numbers of modules, by name, and whether they require gradients."""
    found: Numbers = {}
    for where, module in modules.items():
        for name, value in (*module.named_parameters(), *module.named_buffers()):
            found[f"{name} of {where}"] = (value.detach().clone(), value.requires_grad)
    return found


def _compare(before: Numbers, after: Numbers) -> None:
    require(before.keys() == after.keys(), "parameters or buffers come or go")
    for name, (value, needs) in before.items():
        now, needs_now = after[name]
        require(compare.equal(value, now), f"{name} changes")
        require(needs == needs_now, f"requires_grad of {name} changes")
