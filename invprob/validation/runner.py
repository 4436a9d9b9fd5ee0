"""Which solvers are validated on which reference tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from invprob.config import registry
from invprob.config.registry import Entry
from invprob.errors import InvprobError, UnknownComponent, nearest
from invprob.params import Spec
from invprob.solver import Solver
from invprob.validation.calibration import CalibrationReport, check_calibration, last_samples
from invprob.validation.reference_tasks import TASKS

KNOWN = ("generator", "prior.score", "prior.denoiser", "prior.log_density")
"""What the tasks provide."""


@dataclass(frozen=True)
class Validation:
    """The result of one solver on one task.

    Attributes:
        solver: The name of the solver.
        settings: The solver with the parameters given, as on the command line.
        bias: The relative error that the solver declares, ≥ 0.
        report: The report; None if the solver cannot be validated.
        reason: Why there is no report, as a sentence.
    """

    solver: str
    settings: str
    bias: float
    report: CalibrationReport | None = None
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether no test failed; True where there is no report."""
        return self.report is None or not self.report.failures


def validate_all(name: str, problems: int = 100, chains: int = 19) -> Iterator[Validation]:
    """Validate every solver of a plugin, or the one of a name, on the reference tasks.

    A solver is run with the parameters given, else with its defaults, on the tasks of latents if
    it needs a generator, else on those of images.

    Args:
        name: A plugin or a solver, ``sgilo`` or ``sgilo:metropolis=density``.
        problems: How many measurements are simulated for each task, ≥ 2.
        chains: How many samples each measurement gets, ≥ 2.

    Yields:
        A validation for each task, or one with a reason.

    Raises:
        UnknownComponent: If no solver has this name.
        BadParams: If the solver refuses the parameters.
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
        yield from _validate(entry, spec, problems, chains)


def _validate(entry: Entry, spec: Spec, problems: int, chains: int) -> Iterator[Validation]:
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
        yield Validation(component.name, settings, solver.bias, reason=reason)
        return
    for task in TASKS:
        if task.latent == ("generator" in component.needs):
            try:
                report = check_calibration(
                    last_samples(solver), task, problems, chains, solver.bias
                )
            except InvprobError as refusal:
                yield Validation(component.name, settings, solver.bias, reason=str(refusal))
                return
            yield Validation(component.name, settings, solver.bias, report)
