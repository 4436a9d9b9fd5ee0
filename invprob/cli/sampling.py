"""Options of commands that draw from a score prior: which prior, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invprob.cli.options import checked, priors
from invprob.errors import BadParams

if TYPE_CHECKING:
    from invprob.diffusion.params import SamplerParams
    from invprob.params import Spec


def score_prior(text: str) -> tuple[int, Spec]:
    """Read a prior that has a score.

    Args:
        text: ``STAGE=SPEC``.

    Returns:
        The stage and the spec.

    Raises:
        InvprobError: If it names no stage, or the prior has no score.
    """
    from invprob.config.registry import registry
    from invprob.errors import Incompatible

    ((stage, given),) = priors([text]).items()
    if stage == "default":
        raise BadParams(f"--prior {text!r} names no stage", f"write STAGE=SPEC, e.g. 1={text}")
    spec = checked("prior", given)
    if "score" not in registry().find("prior", spec.name).component.offers:
        raise Incompatible(f"prior {spec.name!r} has no score to sample from", "try latent-score")
    return int(stage), spec


def sampler(text: str) -> SamplerParams:
    """Read ``--sampler``.

    Args:
        text: ``PREDICTOR:key=value,…``.

    Returns:
        The parameters of the sampler.

    Raises:
        BadParams: If one is unknown or out of range.
    """
    from invprob.diffusion.params import SamplerParams
    from invprob.params import Spec

    spec = Spec.model_validate(text)
    return SamplerParams.parse({"predictor": spec.name, **spec.params}, "--sampler")
