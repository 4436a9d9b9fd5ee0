"""The command line on the plugin of toys, in this process or in one of its own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

import tests.toys  # noqa: F401 - loaded before they are discovered, for torch takes its time
from invprob import cli
from invprob.config.registry import Registry
from tests.conftest import TOYS, Plugins

# a runner in the background may have SIGINT ignored, and what it starts would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[2]
LOST = ("lost", "tests.no_such_module", "")


@dataclass(frozen=True)
class Said:
    """What a command line came to."""

    status: int
    out: str
    err: str


Invoke = Callable[..., Said]


@pytest.fixture
def toys(plugins: Plugins) -> Registry:
    """The registry holds the toys and a plugin that cannot be imported."""
    return plugins(LOST, TOYS)


@pytest.fixture
def invoke(
    toys: Registry,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Invoke:
    """Run a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str | Path) -> Said:
        capsys.readouterr()
        status = cli.call([str(arg) for arg in args])
        return Said(status, *capsys.readouterr())

    return run


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A grey picture of the toys' size."""
    path = tmp_path / "photo.png"
    Image.linear_gradient("L").resize((16, 16)).save(path)
    return path


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """Of a process in which our own plugins and the toys are installed, and no other."""
    info = tmp_path / "site" / "toys-1.0.dist-info"
    info.mkdir(parents=True)
    names = ("basics", "csgm", "dps", "ilo", "sgilo")
    points = [f"{name} = invprob_{name}.plugin" for name in names] + ["toys = tests.toys"]
    (info / "entry_points.txt").write_text("\n".join(["[invprob]", *points, ""]))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    path = [str(info.parent), str(ROOT), str(ROOT / "plugins")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "INVPROB_PLUGINS": ",".join(names)}


INVPROB = (sys.executable, "-m", "invprob")
WALK = ("--solver", "walk", "--operator", "mask", "--noise", "gauss", "--samples", "2")
