"""Old ids of checks, which `expected_failures` accepts for one release with a notice."""

from __future__ import annotations

from collections.abc import Mapping

from invprob.errors import BadParams, notify

RENAMED = {
    "loads": "manifest-loads",
    "light": "manifest-imports-nothing-heavy",
    "resolves": "target-and-params-import",
    "summary": "summary-is-one-line",
    "builds": "builds-from-example",
    "trainable": "trainer-is-generator-function",
    "offers": "offers-match-class",
    "needs": "needs-are-known",
    "described": "params-described",
    "example": "example-is-valid",
    "frozen": "params-frozen",
    "strict": "refuses-unknown-params",
    "stored": "params-survive-storage",
    "typed": "params-writable-as-text",
    "pure": "functions-pure",
    "rows": "rows-independent",
    "finite": "results-finite",
    "precision": "precision-kept",
    "device": "device-kept",
    "gradient": "gradient-matches-differences",
    "silent": "prints-nothing",
    "discreet": "global-state-unchanged",
    "repeatable": "same-seed-same-results",
    "untouched": "weights-and-problem-unchanged",
    "shaped": "image-shape-and-range",
    "sampled": "latents-drawn-from-rng",
    "bounded": "refuses-unknown-stages",
    "live": "every-leaf-moves-image",
    "kept": "latents-serialisable",
    "parity": "stages-match-reference",
    "fitting": "shapes-match",
    "measured": "measures-row-by-row",
    "likely": "likelihood-matches-noise",
    "pictured": "observed-is-image",
    "linear": "map-is-linear",
    "adjoint": "adjoint-matches",
    "inverse": "pinv-is-least-squares",
    "drawn": "noise-drawn-from-rng",
    "figures": "one-value-per-row",
    "one-law": "draws-match-log-prob",
    "standard": "chi2-averages-one",
    "spread": "scale-matches-draws",
    "treed": "takes-latent-trees",
    "density": "log-density-per-row",
    "schedule": "schedule-monotone",
    "score": "score-matches-density",
    "tweedie": "score-matches-denoiser",
    "units": "normalise-invertible",
    "proximal": "prox-minimises",
    "staged": "stages-ascending",
    "counted": "steps-counted",
    "reported": "info-complete",
    "answered": "result-complete",
    "improves": "fit-improves",
    "detached": "states-detached",
    "lean": "memory-flat",
    "needy": "refuses-missing-needs",
    "resumes": "resumes-with-same-bits",
    "isolated": "chains-independent",
    "keyed": "chains-differ-by-key",
}


def current(expected: Mapping[str, str]) -> dict[str, str]:
    """Write expected failures with the present ids of the checks.

    Args:
        expected: Reasons by ``"component.check"``, as authors write them.

    Returns:
        The same reasons by present ids, with a notice for each old one.

    Raises:
        BadParams: For a check that is named by its old and by its present id.
    """
    found: dict[str, str] = {}
    for name, reason in expected.items():
        component, dot, check = name.rpartition(".")
        present = component + dot + RENAMED.get(check, check)
        if present in found:
            raise BadParams(f"the check {present!r} is named twice, once by its old id")
        found[present] = reason
        if present != name:
            notify(f"the check {name!r} is called {present!r}; the next release refuses {name!r}")
    return found
