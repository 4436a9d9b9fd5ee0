"""The list of all checks, in the order in which they are made."""

from __future__ import annotations

from invprob.testing.check import Check
from invprob.testing.checks import (
    chain,
    functions,
    generator,
    manifest,
    manners,
    noise,
    operator,
    params,
    prior,
    solver,
)

CHECKS: tuple[Check, ...] = tuple(
    value
    for module in (
        *(manifest, params, functions, manners),
        *(generator, operator, noise, prior, solver, chain),
    )
    for value in vars(module).values()
    if isinstance(value, Check)
)
