"""Whether a solver gets the generator and the priors that it needs, and none that it does not."""

from __future__ import annotations

from collections.abc import Sequence

from invprob.config.registry import Entry, Registry
from invprob.errors import Incompatible, warn
from invprob.plugin import Component


def check(
    solver: Component, generator: bool, entries: Sequence[tuple[str, Entry]], registry: Registry
) -> None:
    """Refuse a solver without what it needs; warn where it gets a prior and asks for none.

    Args:
        solver: The solver.
        generator: Whether there is a generator.
        entries: The kind and the entry of each component beside it.
        registry: Where others are found, for the hint.

    Raises:
        Incompatible: If the generator or a capability of a prior is missing.
    """
    name = solver.name
    priors = [entry for kind, entry in entries if kind == "prior"]
    # an object, which has no params, does not tell what it needs
    if priors and solver.params and not any(need.startswith("prior.") for need in solver.needs):
        given = ", ".join(entry.component.name for entry in priors)
        warn(f"{name} asks for no prior, so {given} may have no effect")
    for need in solver.needs:
        if need == "generator" and not generator:
            known = ", ".join(e.component.name for e in registry.of_kind("generator"))
            raise Incompatible(f"{name} needs a generator", f"give one with --generator: {known}")
        if not need.startswith("prior."):
            continue
        capability = need.removeprefix("prior.")
        able = [e.component.name for e in registry.of_kind("prior") if _offers(e, capability)]
        hint = f"priors with a {capability}: " + (", ".join(able) or "none installed")
        if not priors:
            raise Incompatible(f"{name} needs a prior with a {capability}", hint)
        for entry in priors:
            if not _offers(entry, capability):
                has = ", ".join(entry.component.offers) or "nothing"
                found = entry.component.name
                raise Incompatible(
                    f"{name} needs a prior with a {capability}; {found} offers {has}",
                    hint,
                )


def _offers(entry: Entry, capability: str) -> bool:
    return capability in entry.component.offers
