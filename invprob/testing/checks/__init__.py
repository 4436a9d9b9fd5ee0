"""The list of all checks, in the order in which they are made."""

from __future__ import annotations

from invprob.testing.check import Check
from invprob.testing.checks import (
    callback,
    chain,
    claims,
    converter,
    draws,
    functions,
    generator,
    manifest,
    noise,
    operator,
    params,
    prior,
    problem,
    side_effects,
    solver,
)

CHECKS: tuple[Check, ...] = tuple(
    value
    for module in (
        *(manifest, params, functions, side_effects),
        *(
            generator,
            operator,
            noise,
            prior,
            solver,
            problem,
            draws,
            chain,
            callback,
            converter,
            claims,
        ),
    )
    for value in vars(module).values()
    if isinstance(value, Check)
)
