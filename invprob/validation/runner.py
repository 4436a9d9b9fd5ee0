"""Which solvers are judged on which worlds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from invprob.config import registry
from invprob.config.registry import Entry
from invprob.errors import InvprobError, UnknownComponent, nearest
from invprob.params import Spec
from invprob.solver import Solver
from invprob.validation.calibration import Verdict, judge, last_samples
from invprob.validation.reference_tasks import WORLDS

KNOWN = ("generator", "prior.score", "prior.denoiser", "prior.log_density")
"""What the worlds have to give."""


@dataclass(frozen=True)
class Hearing:
    """A solver on a world; without a verdict, `reason` says why there is none."""

    solver: str
    settings: str
    bias: float
    verdict: Verdict | None = None
    reason: str = ""

    @property
    def passed(self) -> bool:
        return self.verdict is None or not self.verdict.wrong


def hearings(name: str, problems: int = 100, chains: int = 19) -> Iterator[Hearing]:
    """Every solver of a plugin, or the one of a name, ``sgilo`` or ``sgilo:metropolis=true``.

    A solver is run with the parameters given, else with its defaults, on the worlds of latents if
    it needs a generator, else on those of images. Raises `UnknownComponent` and `BadParams`.
    """
    spec = Spec.model_validate(name)
    found = registry.discover(registry.installed())
    entries = [
        e
        for e in found.of_kind("solver")
        if spec.name in (e.component.name, e.full_name, f"solver.{e.component.name}")
        or (e.plugin == spec.name and not spec.params)
    ]
    if not entries:
        known = {e.component.name for e in found.of_kind("solver")}
        raise UnknownComponent(
            f"no solver, and no plugin with one, is called {spec.name!r}", nearest(spec.name, known)
        )
    for entry in entries:
        yield from _heard(entry, spec, problems, chains)


def _heard(entry: Entry, spec: Spec, problems: int, chains: int) -> Iterator[Hearing]:
    component = entry.component
    params = entry.params().parse(spec.params, f"solver {component.name}")
    solver: Solver = entry.load()(params)
    settings = str(spec) if spec.params else component.name
    missing = [need for need in component.needs if need not in KNOWN]
    reason = ""
    if solver.returns == "estimate":
        reason = "it gives point estimates and does not say that it samples"
    elif missing:
        reason = f"no posterior is known for what it needs: {', '.join(missing)}"
    if reason:
        yield Hearing(component.name, settings, solver.bias, reason=reason)
        return
    for world in WORLDS:
        if world.latent == ("generator" in component.needs):
            try:
                verdict = judge(last_samples(solver), world, problems, chains, solver.bias)
            except InvprobError as refusal:
                yield Hearing(component.name, settings, solver.bias, reason=str(refusal))
                return
            yield Hearing(component.name, settings, solver.bias, verdict)
