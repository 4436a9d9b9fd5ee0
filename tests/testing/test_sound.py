"""Toys that keep every rule pass every check, and no check is skipped."""

from invprob.plugin import KINDS
from invprob.testing import conformance, trials

MODULES = [("sound", "tests.testing.sound", "")]
EXPECTED = {"sound.manifest-imports-nothing-heavy": "the toys stand beside their manifest"}

test_conformance = conformance("sound", modules=MODULES, expected_failures=EXPECTED)


def test_every_kind_has_checks():
    targets = {trial.target for trial in trials("sound", modules=MODULES)}
    assert targets == {"plugin sound", *(f"{kind} toy-{kind}" for kind in KINDS)}
