"""The notebook was executed, says what `make.py` says, and runs."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOK = json.loads((FOLDER / "first_steps.ipynb").read_text())


def code():
    return [c for c in NOTEBOOK["cells"] if c["cell_type"] == "code"]


def test_it_is_executed_and_shows_pictures():
    outputs = [output for cell in code() for output in cell["outputs"]]
    assert all(cell["execution_count"] for cell in code())
    assert not any(output["output_type"] == "error" for output in outputs)
    pages = ["".join(o["data"]["text/html"]) for o in outputs if "text/html" in o.get("data", {})]
    assert len(pages) == 2
    assert all("data:image/png;base64," in page and "<table>" in page for page in pages)


def test_it_is_what_make_writes():
    pytest.importorskip("nbclient")
    spec = importlib.util.spec_from_file_location("make_notebook", FOLDER / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    assert ["".join(cell["source"]) for cell in NOTEBOOK["cells"]] == make.CELLS


def test_every_cell_runs(capsys):
    names = {}
    for cell in code():
        exec("".join(cell["source"]), names)
    assert names["result"].mean.shape == (1, 3, 64, 64)
    assert names["chi2"][-1] < names["chi2"][0]
