"""Which modules each command may import: the contract behind the times of bench_startup.py."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

HEAVY = {"torch", "numpy", "PIL", "matplotlib", "torchmetrics", "scipy", "arviz_stats"}
SCRIPT = """
import json, sys
from invprob.cli import call
status = call(sys.argv[1:])
print()
print(json.dumps([status, sorted({name.partition(".")[0] for name in sys.modules})]))
"""

TIERS = {
    "--help": HEAVY | {"pydantic", "rich", "pluggy", "entrypoints"},
    "--version": HEAVY | {"pydantic", "rich", "pluggy", "entrypoints"},
    "solve --help": HEAVY | {"pydantic", "rich", "pluggy", "entrypoints"},
    "convert --help": HEAVY | {"pydantic", "rich", "pluggy", "entrypoints"},
    "check --help": HEAVY | {"pydantic", "rich", "pluggy", "entrypoints"},
    "list": HEAVY | {"pydantic"},
    "list converter": HEAVY | {"pydantic"},
    "list solver": HEAVY | {"pydantic"},
    "weights list": HEAVY,
    "show solver sgilo": HEAVY,
    "show solver csgm --schema": HEAVY,
    "solve --dry-run": HEAVY | {"rich"},
    "solve --solver csgm --set solver.steps=3 --dry-run": HEAVY | {"rich"},
}


@pytest.mark.parametrize("line", TIERS)
def test_imports(line: str, environment: Mapping[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *line.split()],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    status, modules = json.loads(done.stdout.splitlines()[-1])
    assert status == 0, done.stderr
    assert TIERS[line] & set(modules) == set()


@pytest.mark.parametrize("name", ["solve", "resume"])
def test_the_library_loads_nothing_slow(name: str, environment: Mapping[str, str]) -> None:
    """torchmetrics and scipy take as long to import as torch, matplotlib a third of that."""
    slow = "{'torchmetrics', 'scipy', 'arviz_stats', 'distributed', 'matplotlib'}"
    script = f"import sys, invprob; invprob.{name}; print({slow} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "set()", done.stderr


PARAMS = """
import json, sys
from invprob.config.registry import registry
for entry in registry().entries:
    entry.params()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_no_model_of_parameters_imports_torch(environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARAMS], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) & HEAVY == set()
