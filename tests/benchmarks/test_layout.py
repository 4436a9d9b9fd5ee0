"""What texts say of the benchmarks is there: every file they name, every script's help."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("performance", "model_cards", "studies")
SCRIPTS = sorted(
    p.relative_to(ROOT).as_posix() for r in ROOMS for p in (ROOT / "benchmarks" / r).glob("*.py")
)
TEXTS = ("*.md", "*.py", "*.toml", "*.yml")


def test_every_file_of_the_benchmarks_that_a_text_names_is_there():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *TEXTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    missing = []
    for name in listed:
        text = (ROOT / name).read_text(encoding="utf-8")
        for path in re.findall(r"benchmarks/[\w./-]+\.(?:py|toml|csv|md)\b", text):
            if "tests/" + path not in text and not (ROOT / path).is_file():
                missing.append(f"{name}: {path}")
    assert missing == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_says_what_it_does(monkeypatch, capsys, script):
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    monkeypatch.syspath_prepend(str((ROOT / script).parent))
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(ROOT / script), run_name="__main__")
    assert stopped.value.code == 0
    assert "usage:" in capsys.readouterr().out
    assert f"python {script}" in (ROOT / script).read_text(encoding="utf-8")
