"""The gallery is what its command writes, shows every operator of ours, and is small."""

import importlib.util
import re
from pathlib import Path

from invprob.config.registry import registry

DOCS = Path(__file__).parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("make_gallery", DOCS / "make_gallery.py")
make_gallery = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make_gallery)
PAGE = make_gallery.DOCS / "reference" / "gallery.md"


def test_the_page_is_what_the_command_writes():
    assert PAGE.read_text(encoding="utf-8") == make_gallery.page()


def test_it_shows_every_operator():
    entries = registry().of_kind("operator")
    ours = {e.component.name for e in entries if e.plugin == make_gallery.OURS}
    text = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"^- \[`([a-z]+)", text, re.MULTILINE)) == ours


def test_its_pictures_are_few_and_small():
    text = PAGE.read_text(encoding="utf-8")
    shown = re.findall(r"\]\(\.\./images/gallery/([a-z]+\.webp)\)", text)
    files = list(make_gallery.FOLDER.iterdir())
    assert sorted(file.name for file in files) == sorted(shown)
    assert sum(file.stat().st_size for file in files) <= 300_000


def test_a_tile_shows_what_is_measured():
    sheets = make_gallery.sheets()
    assert {f"{name}.webp" for name in sheets} == {f.name for f in make_gallery.FOLDER.iterdir()}
    assert all(sheet.height == make_gallery.SIDE for sheet in sheets.values())
