"""What an experiment leaves to the measurement: the level of the noise, a mask in the picture.

It is settled before the run begins, and the experiment that the run folder keeps has the outcome.
So a run that is resumed or made again computes with the same numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob.config.experiment import ResolvedExperiment
from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.io import images
from invprob.noise import NoiseToEstimate
from invprob.operator import Chain, Operator, measured_pixels
from invprob.params import Spec
from invprob.paths import AUTO
from invprob.runs import build
from invprob.runs.build import Parts

FOLDER = "inputs"
"""The folder in that of a run that keeps the files it began with."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settled:
    """What was settled of an experiment.

    Attributes:
        noise: The parameters of its noise that were estimated.
        pictures: What was found in the picture, by the place of the parameter that it stands for,
            such as ``operator.0.mask``.
        chosen: The parameters that were left to the machine, by the place of the component in the
            experiment, such as ``generator`` or ``prior.0``.
        marked: The picture that it was found in, where it was given as one to degrade; it is a
            measurement then.
    """

    noise: Mapping[str, float] = field(default_factory=dict)
    pictures: Mapping[str, Tensor] = field(default_factory=dict)
    marked: str | None = None
    chosen: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def applied(self, experiment: ResolvedExperiment, out: Path | None) -> ResolvedExperiment:
        """Write it into the experiment.

        Args:
            experiment: What asked for it.
            out: The run folder, which keeps what was found; None: that stays as it was asked for.

        Returns:
            The experiment with numbers and files in place of what was left open.
        """
        changes: dict[str, Any] = {"noise": experiment.noise.with_params(**self.noise)}
        for place, values in self.chosen.items():
            spec = _spec(experiment, place).with_params(**values)
            kind, _, stage = place.partition(".")
            if kind == "generator":
                changes["generator"] = spec
                continue
            known = changes.get("prior", experiment.prior)
            changes["prior"] = {**known, (stage if stage in known else "default"): spec}
        if out is not None:
            changes["operator"] = tuple(
                self._with_files(spec, f"operator.{i}.", out)
                for i, spec in enumerate(experiment.operator)
            )
            if self.marked is not None:
                changes |= {"measurement": self.marked, "images": ()}
        return experiment.model_copy(update=changes)

    def _with_files(self, spec: Spec, place: str, out: Path) -> Spec:
        found = [p.removeprefix(place) for p in self.pictures if p.startswith(place)]
        files = {name: str(_file(out, place + name)) for name in found}
        return Spec.model_validate({"name": spec.name, **files}) if files else spec

    def write(self, out: Path) -> None:
        """Write what was found into the run folder.

        Args:
            out: The folder.
        """
        for place, picture in self.pictures.items():
            images.write_png(_file(out, place), picture[None].float())

    def facts(self, asked: ResolvedExperiment) -> dict[str, str]:
        """Say what was asked for, and what came of it.

        Args:
            asked: The experiment before `applied`.

        Returns:
            Texts by the place in the experiment; for the manifest.
        """
        told = {}
        if self.noise:
            found = ", ".join(f"{name}={value:g}" for name, value in self.noise.items())
            told["noise"] = f"{asked.noise}: estimated {found}"
        for place, values in self.chosen.items():
            words = ", ".join(f"{name}={value}" for name, value in values.items())
            told[place] = f"{_spec(asked, place)}: chosen for this machine: {words}"
        for place in self.pictures:
            number = int(place.split(".")[1])
            told[place] = f"{asked.operator[number]}: found in the picture"
        return told


def _spec(experiment: ResolvedExperiment, place: str) -> Spec:
    """The component of an experiment at a place, ``generator`` or ``prior.STAGE``."""
    kind, _, stage = place.partition(".")
    spec = experiment.generator if kind == "generator" else experiment.prior_of(int(stage))
    assert spec is not None
    return spec


def chosen(parts: Parts) -> dict[str, Mapping[str, str]]:
    """List what the machine has chosen of what was left to it.

    Args:
        parts: The objects of a run.

    Returns:
        Parameters by the place of the component, as `Settled` has them.
    """
    made = {"generator": parts.generator} | {f"prior.{k}": v for k, v in parts.priors.items()}
    return {place: part.chosen for place, part in made.items() if part.chosen}


def _file(out: Path, place: str) -> Path:
    return out / FOLDER / f"{place}.png"


def seeks(experiment: ResolvedExperiment) -> bool:
    """Whether an operator seeks something in the picture that is measured.

    Args:
        experiment: What names the operators.

    Returns:
        True where a file is replaced by ``auto``.
    """
    return any(AUTO in spec.params.values() for spec in experiment.operator)


def each_alone(experiment: ResolvedExperiment) -> bool:
    """Whether every picture is to be solved with objects of its own, for something is found in it.

    Args:
        experiment: What names operators and noise.

    Returns:
        True where a mask or the level of the noise is ``auto``.
    """
    return seeks(experiment) or AUTO in experiment.noise.params.values()


def found(A: Operator) -> dict[str, Tensor]:
    """List what operators found in the picture.

    Args:
        A: The operators of a run.

    Returns:
        Pictures (H, W), by the place of the parameter that each stands for.
    """
    parts = list(A.operators) if isinstance(A, Chain) else [A]
    return {
        f"operator.{i}.{name}": picture
        for i, part in enumerate(parts)
        if isinstance(part, Operator)
        for name, picture in part.found.items()
    }


def noise(
    experiment: ResolvedExperiment, registry: Registry, parts: Parts, y: Tensor
) -> tuple[Parts, dict[str, float]]:
    """Estimate the noise, where that is asked for.

    Args:
        experiment: What asks for it.
        registry: Where components are looked up.
        parts: The objects of the experiment.
        y: The measurements, (B, *operator.out_shape), on the CPU.

    Returns:
        The objects with the noise to compute with, and its parameters that were estimated.

    Raises:
        BadInput: If the measurement does not tell them.
    """
    A = parts.operator
    if not isinstance(A.noise, NoiseToEstimate):
        return parts, {}
    picture, known = _picture(A, y)
    values = A.noise.estimate(picture, known)
    told = ", ".join(f"{name} = {value:g}" for name, value in values.items())
    _log.info("noise estimated from the measurement: %s, in units of [0, 1]", told)
    chosen = build.component(registry, "noise", experiment.noise.with_params(**values))
    whole = A.with_noise(chosen).to(parts.device)
    return replace(parts, operator=whole), values


def _picture(A: Operator, y: Tensor) -> tuple[Tensor, Tensor]:
    """What was measured as a picture (C, h, w), and where it was, (h, w)."""
    last = A.operators[-1] if isinstance(A, Chain) else A
    assert isinstance(last, Operator)
    if len(y) == 1 and y.dim() == 4 and y.shape[1] in (1, 3):
        return y[0], torch.ones(y.shape[2:], dtype=torch.bool)
    pixels = measured_pixels(last)
    if len(y) > 1 or pixels is None or len(pixels) not in (1, 3):
        what = f"{len(y)} measurements" if len(y) > 1 else "a measurement that is not a picture"
        raise BadInput(
            f"the noise of {what} cannot be estimated",
            "give its level: --noise gaussian:sigma=0.02",
        )
    with torch.no_grad():
        return last.adjoint(y.to(pixels.device))[0], pixels.all(0)  # type: ignore[operator]
