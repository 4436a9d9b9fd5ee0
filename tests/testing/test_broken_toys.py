"""Every check catches a toy that breaks its rule, and tells the author what to do."""

import importlib
from collections import Counter

import pytest

from invprob.config.registry import Entry, Registry
from invprob.testing.checks import CHECKS
from invprob.testing.collect import Trial
from invprob.testing.target import cases
from tests.testing.broken import BREACHES

KINDS = ("generators", "operators", "noises", "priors", "solvers")
for name in ("manifests", "models", *KINDS, "watchers", "claims"):
    importlib.import_module(f"tests.testing.broken.{name}")

BY_NAME = {check.name: check for check in CHECKS}


def label(breach):
    target = breach.on.component.target if isinstance(breach.on, Entry) else breach.on.name
    return f"{breach.check}-{target.rpartition(':')[2]}"


@pytest.mark.parametrize("breach", BREACHES, ids=label)
def test_the_check_catches_it(breach):
    on = cases(breach.on, Registry()) if isinstance(breach.on, Entry) else [breach.on]
    result = Trial("toy", "toy", BY_NAME[breach.check], tuple(on)).run()
    assert result.status == "failed", result.seen
    assert breach.seen in result.seen


def test_no_check_is_without_its_broken_toy():
    assert {breach.check for breach in BREACHES} == set(BY_NAME)


def test_checks_have_names_of_their_own_and_say_what_to_do():
    assert max(Counter(check.name for check in CHECKS).values()) == 1
    for check in CHECKS:
        assert check.advice.endswith("."), check.name
        assert "must" in check.advice, check.name
        assert len(check.advice) < 260, check.name
