"""Manifests that are heavy, fail to load, or say what is not so."""

from invprob.errors import BadInput
from invprob.testing.target import Plugin
from tests.testing.broken import BREACHES, Breach, breaks
from tests.testing.sound import MORE, Noise, Operator, Prior, Steps, Walk, entry

HEAVY = Plugin("heavy", "tests.toys", (entry("noise", Noise),))
BROKEN = Plugin("broken", "nowhere", (), "ModuleNotFoundError: No module named 'nowhere'")


class Flat(Prior):
    image_shape = (4, 4)


BREACHES += [
    Breach("manifest-loads", BROKEN, "No module named 'nowhere'"),
    Breach("manifest-loads", Plugin("empty", __name__, ()), "no component"),
    Breach("manifest-imports-nothing-heavy", HEAVY, "the manifest imports torch"),
    Breach("summary-is-one-line", entry("noise", Noise, summary="No stop"), "'No stop'"),
    Breach("summary-is-one-line", entry("noise", Noise, summary="Two\nlines."), "Two"),
    Breach("builds-from-example", entry("noise", Operator), "missing 2 required"),
    Breach("builds-from-example", entry("generator", Noise), "makes a Noise, no Generator"),
    Breach(
        "offers-match-class",
        entry("operator", Operator, offers=()),
        "says nothing, the class has linear",
    ),
    Breach(
        "offers-match-class",
        entry("prior", Prior, offers=("score",)),
        "denoiser, log_density, proximal",
    ),
    Breach(
        "offers-match-class",
        entry("prior", Flat, offers=(*MORE["prior"]["offers"], "pixels")),
        "is (4, 4)",
    ),
    Breach("needs-are-known", entry("solver", Walk, Steps, needs=("prior.taste",)), "prior.taste"),
    Breach(
        "defaults-are-found",
        entry("solver", Walk, Steps, defaults=(("prior", "toys.lost"), ("samples", "1"))),
        "no prior is called 'toys.lost'",
    ),
]


class Lost:
    """Is moved away below."""


breaks("target-and-params-import", "cannot be loaded", "noise")(Lost)
del Lost


@breaks("trainer-is-generator-function", "missing a required", "trainer", Steps)
def three_wanted(params, source, out, more):
    yield


@breaks("trainer-is-generator-function", "does not yield", "trainer", Steps)
def at_once(params, source, out):
    raise BadInput("nothing to train on")
