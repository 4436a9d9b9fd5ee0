"""The picture of README is what its recipe renders."""

import runpy
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
RECIPE = str(ROOT / "benchmarks" / "recipes" / "still_life.py")


def test_the_still_life_is_what_its_recipe_renders():
    recipe = runpy.run_path(RECIPE)
    small = np.asarray(recipe["render"]((48, 32)), dtype=float)
    kept = np.asarray(Image.open(IMAGES / "still-life.webp").convert("RGB").reduce(8), dtype=float)
    assert np.abs(small - kept).mean() < 5


def test_the_two_pictures_of_a_run_stand_side_by_side(tmp_path):
    recipe = runpy.run_path(RECIPE)
    (tmp_path / "measurement").mkdir()
    Image.new("RGB", (384, 256), "red").save(tmp_path / "measurement" / "still-life.png")
    Image.new("RGB", (384, 256), "blue").save(tmp_path / "restored.png")
    recipe["main"](["--beside", str(tmp_path), "--out", str(tmp_path)])
    page = Image.open(tmp_path / "restored.webp").convert("RGB")
    assert page.size == Image.open(IMAGES / "restored.webp").convert("RGB").size == (776, 256)
    assert page.getpixel((9, 9))[0] > 200
    assert page.getpixel((700, 9))[2] > 200
