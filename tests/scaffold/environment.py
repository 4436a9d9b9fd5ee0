"""A fresh environment whose third-party packages are links, so that nothing is downloaded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and an empty folder to run commands in."""

    python: Path
    folder: Path

    def run(self, *words: str | Path, fails: bool = False) -> str:
        """What ``python …`` prints on both streams; it must succeed unless it `fails`."""
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "INVPROB"))}
        done = subprocess.run(
            [self.python, *words], cwd=self.folder, env=plain, text=True, timeout=300,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert fails == (done.returncode != 0), done.stdout
        return done.stdout

    def invprob(self, *words: str | Path, fails: bool = False) -> str:
        """What the command line prints."""
        return self.run("-m", "invprob", *words, fails=fails)

    def install(self, *wheels: Path) -> None:
        """Install wheels, and nothing that they depend on."""
        offline = ("--no-index", "--no-deps", "--no-compile", "--no-warn-script-location", "-q")
        self.run("-m", "pip", "install", *offline, *wheels)

    def uninstall(self, distribution: str) -> None:
        """Uninstall a distribution that `install` installed."""
        self.run("-m", "pip", "uninstall", "-q", "-y", distribution)

    def files(self) -> set[Path]:
        """What lies in site-packages, links not followed; caches aside."""
        site = next(self.python.parents[1].glob("lib/python*/site-packages"))
        own = (p for p in site.iterdir() if not p.is_symlink() and p.name != "__pycache__")
        return {f for p in own for f in ([p, *p.rglob("*")]) if "__pycache__" not in f.parts}


def fresh(folder: Path) -> Environment:
    """An environment in which all is installed that is installed here, but invprob and plugins."""
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    site = next((folder / "venv").glob("lib/python*/site-packages"))
    ours = re.compile(r"_*(editable_+impl_+)?invprob|__pycache__|distutils-precedence|_virtualenv")
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(place).iterdir():
            if not ours.match(path.name) and not (site / path.name).exists():
                (site / path.name).symlink_to(path)
    empty = folder / "empty"
    empty.mkdir()
    return Environment(folder / "venv" / "bin" / "python", empty)


def wheel(source: Path, into: Path) -> Path:
    """The wheel of a project, built by the hatchling that is installed here."""
    before = set(into.glob("*.whl"))
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    plain = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(build, cwd=source, env=plain, text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = set(into.glob("*.whl")) - before
    return made


def lines(text: str, words: Sequence[str]) -> list[str]:
    """The lines of a text that hold all of some words."""
    return [line for line in text.splitlines() if all(word in line for word in words)]
