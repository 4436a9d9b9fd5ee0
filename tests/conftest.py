"""What all tests share: the plugins that are installed, and where tensors live."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

# several threads in each of several workers wait for each other; processes that tests start too
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
import torch

from invprob.config import registry

Plugins = Callable[..., registry.Registry]
# the same examples in every run, few of them, on machines of any speed
hypothesis.settings.register_profile(
    "ours", deadline=None, max_examples=50, derandomize=True, database=None
)
hypothesis.settings.load_profile("ours")

TOYS = ("toys", "tests.toys", "toys 1.0")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("invprob")
    group.addoption(
        "--device", default="cpu", help="where operators, generators and solvers are tried: cuda"
    )
    group.addoption(
        "--dtype",
        choices=("float32", "float64"),
        help="what operators and solvers are tried in; by default what a test's bounds are for",
    )


@pytest.fixture
def device(request: pytest.FixtureRequest) -> torch.device:
    """That of ``--device``."""
    return torch.device(request.config.getoption("device"))


@pytest.fixture
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    """That of ``--dtype``, or the module's `DTYPE`, or float32."""
    name = request.config.getoption("dtype")
    found = getattr(torch, name) if name else getattr(request.module, "DTYPE", torch.float32)
    assert isinstance(found, torch.dtype)
    return found


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugins]:
    """Make some plugins, as (name, module, distribution), the only ones that are installed."""

    def only(*triples: tuple[str, str, str]) -> registry.Registry:
        monkeypatch.setattr(registry, "installed", lambda: list(triples))
        registry.registry.cache_clear()
        return registry.registry()

    yield only
    registry.registry.cache_clear()


@pytest.fixture
def toys(plugins: Plugins) -> registry.Registry:
    """The registry holds the toys alone."""
    return plugins(TOYS)
