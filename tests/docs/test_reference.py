"""The reference says what the program says, and the plugin page shows the code of the scaffold."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    for name, text in made.pages().items():
        written = (DOCS / name).read_text(encoding="utf-8")
        assert written == text, "run: python docs/make_reference.py"
