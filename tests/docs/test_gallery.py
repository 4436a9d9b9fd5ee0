"""The gallery is what its command writes, shows every operator and solver of ours, and is small."""

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


def test_it_shows_every_operator_and_solver():
    entries = registry().of_kind("operator")
    ours = {e.component.name for e in entries if e.plugin == make_gallery.OURS}
    text = PAGE.read_text(encoding="utf-8")
    solvers = {
        e.component.name for e in registry().of_kind("solver") if "invprob 0" in e.distribution
    }
    named = set(re.findall(r"^- \[`([a-z-]+)", text, re.MULTILINE))
    assert named == ours | solvers


def test_its_pictures_are_few_and_small():
    text = PAGE.read_text(encoding="utf-8")
    for folder in (make_gallery.FOLDER, make_gallery.SOLVERS):
        shown = re.findall(rf"\]\(\.\./images/{folder.name}/([a-z]+\.webp)\)", text)
        files = list(folder.iterdir())
        assert sorted(file.name for file in files) == sorted(shown)
        assert sum(file.stat().st_size for file in files) <= 300_000


def test_a_tile_shows_what_is_measured():
    sheets = make_gallery.sheets()
    assert {f"{name}.webp" for name in sheets} == {f.name for f in make_gallery.FOLDER.iterdir()}
    assert all(sheet.height == make_gallery.SIDE for sheet in sheets.values())


def test_the_measurement_of_a_solver_is_shown_and_a_strip_is_made_of_it():
    gallery = make_gallery.gallery_of_solvers
    truth = gallery.truth_of("untrained")
    image = gallery.Shown("pinv").image(truth)
    strip = make_gallery.strip([truth, gallery.measured(truth), image - 1])
    assert strip.size == (3 * make_gallery.SIDE + 16, make_gallery.SIDE)
    assert strip.getpixel((2 * make_gallery.SIDE + 20, 4)) == (0, 0, 0)  # what is below 0 is black
    assert gallery.truth_of("relu").shape[0] in (1, 3)
