"""The modules import each other in no circle, and the drawing of the layers is current."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def structure():
    spec = importlib.util.spec_from_file_location("structure", DOCS / "structure.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_no_circle(structure):
    assert not structure.circles(structure.graph())


def test_a_circle_is_found(structure):
    imports = structure.graph()
    imports.add_import(importer="invprob.errors", imported="invprob.runs.session")
    (group,) = structure.circles(imports)
    assert {"invprob.errors", "invprob.runs.session"} <= group


def test_the_drawing_is_current(structure):
    drawn = structure.DRAWING.read_text(encoding="utf-8")
    assert drawn == structure.drawing(), "run: python docs/structure.py"


def test_the_page_names_every_wing(structure):
    page = (DOCS / "explanation" / "architecture.md").read_text(encoding="utf-8")
    names = [name for row in structure.layers()["invprob"] for name in row]
    wings = [n for n in names if (structure.ROOT / "invprob" / n).is_dir()]
    assert all(f"\n| `{wing}` | " in page for wing in wings)
