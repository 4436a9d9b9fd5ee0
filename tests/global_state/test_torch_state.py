"""No global state of torch changes a result or ends a run, and none is left changed."""

import contextlib
import threading

import pytest
import torch

import invprob
from invprob import seeds
from invprob.global_state.torch_state import SWITCHES, standard
from invprob.io import images
from invprob.problem import Problem
from tests import toys

WALK = "walk:steps=3,burn=0"


@contextlib.contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    yield
    torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def default_device(name):
    torch.set_default_device(name)
    yield
    torch.set_default_device(None)


@contextlib.contextmanager
def deterministic(**how):
    torch.use_deterministic_algorithms(True, **how)
    yield
    torch.use_deterministic_algorithms(False)


@contextlib.contextmanager
def global_seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        yield


@contextlib.contextmanager
def cudnn():
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    yield
    torch.backends.cudnn.benchmark = before


@contextlib.contextmanager
def matmul(precision):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    yield
    torch.set_float32_matmul_precision(before)


@contextlib.contextmanager
def no_grad_mode():
    torch.set_grad_enabled(False)
    yield
    torch.set_grad_enabled(True)


STATES = {
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "default device": lambda: default_device("meta"),
    "device context": lambda: torch.device("meta"),
    "no_grad": torch.no_grad,
    "grad off": no_grad_mode,
    "inference mode": torch.inference_mode,
    "deterministic": deterministic,
    "deterministic, warnings": lambda: deterministic(warn_only=True),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "cudnn": cudnn,
    "matmul": lambda: matmul("medium"),
    "seed": global_seed,
}


def by_name(truth):
    return invprob.solve(truth=truth, solver=WALK, operator="mask", noise="gauss", num_samples=2)


def by_objects(truth):
    """Everything made by the user, inside the state; the loop too."""
    G = toys.Linear(toys.LinearParams())
    A = toys.Mask(toys.MaskParams(), toys.SHAPE, 0).with_noise(toys.Gauss(toys.GaussParams()))
    y = A.measure(truth, [seeds.stream(0, "noise")])
    problem = Problem.create(y, A, G, {0: toys.Normal(toys.NoParams(), G, 0)}, num_samples=2)
    solver = toys.Walk(toys.WalkParams(steps=3))
    for progress in solver.run(problem):
        state = progress.state
    return solver.result(problem, state)


@pytest.fixture
def truth(toys):
    return torch.rand((1, 1, 16, 16), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", STATES)
def test_a_result_does_not_depend_on_it(truth, name):
    expected, made = by_name(truth), by_objects(truth)
    before = [read() for read, *_ in SWITCHES]
    random = torch.get_rng_state()
    with STATES[name]():
        inside = [read() for read, *_ in SWITCHES]
        found, again = by_name(truth), by_objects(truth)
        assert [read() for read, *_ in SWITCHES] == inside
    assert [read() for read, *_ in SWITCHES] == before
    assert torch.equal(torch.get_rng_state(), random)
    for a, b in (
        (expected.samples, found.samples),
        (expected.std, found.std),
        *zip(made, again, strict=False),
    ):
        assert (a.dtype, a.device) == (b.dtype, b.device)
        assert torch.equal(a, b)
    assert expected.metrics == found.metrics


def test_threads_set_it_back_together(truth):
    entered, leave = threading.Event(), threading.Event()

    def other():
        with standard():
            entered.set()
            leave.wait(10)
            seen.append(torch.get_default_dtype())

    seen = []
    with default_dtype(torch.float64):
        thread = threading.Thread(target=other)
        with standard():
            thread.start()
            entered.wait(10)
        leave.set()
        thread.join()
        assert (seen, torch.get_default_dtype()) == ([torch.float32], torch.float64)


def test_pictures_are_read_in_it(tmp_path):
    images.write_png(tmp_path / "a.png", torch.full((1, 4, 4), 0.5))
    plain = images.read(tmp_path / "a.png", 1)
    with default_dtype(torch.float64), torch.device("meta"):
        found = images.read(tmp_path / "a.png", 1)
    assert torch.equal(found, plain)
