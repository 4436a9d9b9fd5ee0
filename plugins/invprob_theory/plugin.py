"""Manifest of the theory set."""

from __future__ import annotations

from invprob.plugin import Component, hookimpl


@hookimpl
def invprob_components() -> list[Component]:
    return [
        Component(
            kind="generator",
            name="random-relu",
            target="invprob_theory.generator:RandomReLU.from_params",
            params="invprob_theory.params:RandomReLUParams",
            summary="A network of random weights and ReLU (Hand and Voroninski, 2018).",
        ),
        Component(
            kind="solver",
            name="sign-descent",
            target="invprob_theory.solver:SignDescent.from_params",
            params="invprob_theory.params:SignDescentParams",
            summary="Gradient descent on the input with a sign check (Huang et al., 2018).",
            needs=("generator",),
            defaults=(("generator", "theory.random-relu"),),
        ),
    ]
