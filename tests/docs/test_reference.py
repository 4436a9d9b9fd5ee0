"""The reference says what the program says, and the plugin page shows the code of the scaffold."""

import importlib.util
from pathlib import Path

from invprob.config.registry import registry

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    for name, text in made.pages().items():
        written = (DOCS / name).read_text(encoding="utf-8")
        assert written == text, "run: python docs/make_reference.py"


def test_readme_names_every_component():
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    kinds = ("solver", "operator", "noise", "generator", "prior", "observer", "trainer")
    own = [
        e
        for kind in kinds
        for e in registry().of_kind(kind)
        if e.distribution.startswith("invprob ")
    ]
    assert len(own) > 60
    assert not [e.full_name for e in own if f"`{e.component.name}`" not in readme]
