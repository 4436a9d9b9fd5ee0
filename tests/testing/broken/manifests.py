"""Manifests that are heavy, fail to load, or say what is not so."""

from invprob.errors import BadInput
from invprob.testing.target import Plugin
from tests.testing.broken import BREACHES, Breach, breaks
from tests.testing.sound import MORE, Noise, Operator, Prior, Steps, Walk, entry

HEAVY = Plugin("heavy", "tests.toys", (entry("noise", Noise),))
BROKEN = Plugin("broken", "nowhere", (), "ModuleNotFoundError: No module named 'nowhere'")

BREACHES += [
    Breach("loads", BROKEN, "No module named 'nowhere'"),
    Breach("loads", Plugin("empty", __name__, ()), "no component"),
    Breach("light", HEAVY, "the manifest imports torch"),
    Breach("summary", entry("noise", Noise, summary="No stop"), "'No stop'"),
    Breach("summary", entry("noise", Noise, summary="Two\nlines."), "Two"),
    Breach("builds", entry("noise", Operator), "missing 2 required"),
    Breach("builds", entry("generator", Noise), "makes a Noise, no Generator"),
    Breach("offers", entry("operator", Operator, offers=()), "says nothing, the class has linear"),
    Breach("offers", entry("prior", Prior, offers=("score",)), "denoiser, log_density, proximal"),
    Breach("offers", entry("prior", Prior, offers=(*MORE["prior"]["offers"], "pixels")), "is None"),
    Breach("needs", entry("solver", Walk, Steps, needs=("prior.taste",)), "prior.taste"),
]


class Lost:
    """Is moved away below."""


breaks("resolves", "cannot be loaded", "noise")(Lost)
del Lost


@breaks("trainable", "missing a required", "trainer", Steps)
def three_wanted(params, source, out, more):
    yield


@breaks("trainable", "does not yield", "trainer", Steps)
def at_once(params, source, out):
    raise BadInput("nothing to train on")
