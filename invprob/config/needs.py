"""Whether a solver gets the generator and the priors that it needs."""

from __future__ import annotations

from collections.abc import Sequence

from invprob.config.registry import Entry, Registry
from invprob.errors import Incompatible
from invprob.plugin import Component


def check(
    solver: Component, generator: bool, entries: Sequence[tuple[str, Entry]], registry: Registry
) -> None:
    """Refuse a solver without what it needs.

    Args:
        solver: The solver.
        generator: Whether there is a generator.
        entries: The kind and the entry of each component beside it.
        registry: Where others are found, for the hint.

    Raises:
        Incompatible: If the generator or a capability of a prior is missing.
    """
    name = solver.name
    for need in solver.needs:
        if need == "generator" and not generator:
            known = ", ".join(e.component.name for e in registry.of_kind("generator"))
            raise Incompatible(f"{name} needs a generator", f"give one with --generator: {known}")
        if not need.startswith("prior."):
            continue
        capability = need.removeprefix("prior.")
        able = [e.component.name for e in registry.of_kind("prior") if _offers(e, capability)]
        hint = f"priors with a {capability}: " + (", ".join(able) or "none installed")
        priors = [entry for kind, entry in entries if kind == "prior"]
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
