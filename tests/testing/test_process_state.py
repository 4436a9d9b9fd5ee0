"""What a component changes in the process is seen, and set back for the next check."""

import random

import numpy as np
import pytest
import torch

from invprob.config.registry import Registry
from invprob.testing import process_state
from invprob.testing.checks.side_effects import global_state_unchanged, prints_nothing
from invprob.testing.collect import Trial
from invprob.testing.target import cases
from tests.testing.sound import Operator, entry


class Setting(Operator):
    """Sets the same at every build, so that it is there already if something was built before."""

    def __init__(self, params, in_shape, seed):
        super().__init__(params, in_shape, seed)
        torch.manual_seed(1)
        np.random.seed(2)
        random.seed(3)
        torch.set_num_threads(2)


@pytest.fixture(autouse=True)
def everything_set_back():
    with process_state.kept():
        yield


def test_it_is_seen_though_it_was_done_before():
    on = tuple(cases(entry("operator", Setting), Registry()))
    on[0].make()
    seen = Trial("toy", "toy", global_state_unchanged, on).run().seen
    for name in ("torch's", "NumPy's", "Python's", "number of threads"):
        assert name in seen


def test_the_next_check_does_not_feel_it():
    before = process_state.read()
    on = tuple(cases(entry("operator", Setting), Registry()))
    assert Trial("toy", "toy", prints_nothing, on).run().status == "passed"
    assert process_state.changed(before) == []


def test_all_is_read_and_set_back():
    with torch.no_grad():
        before = process_state.read()
        with process_state.kept():
            torch.rand(1), np.random.rand(), random.random()
            torch.set_default_dtype(torch.float64)
            torch.set_num_threads(torch.get_num_threads() + 1)
            torch.set_grad_enabled(True)
            torch.use_deterministic_algorithms(True)
            assert process_state.changed(before) == list(process_state.GLOBALS)
        assert process_state.changed(before) == []
