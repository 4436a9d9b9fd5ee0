"""Plots as SVG and PDF: the same page, with its text, in the same bytes every time."""

import pytest
from PIL import Image

from invprob.plots import layout, raster, summary, traces, vector
from tests.plots.test_summary import results

STARTS = {"svg": b"<?xml", "pdf": b"%PDF"}


@pytest.fixture
def page():
    found = results(count=1, samples=2, shape=(3, 8, 8))
    return summary.page(found, found.mean)


@pytest.mark.parametrize("kind", STARTS)
def test_a_page_in_another_format(page, kind):
    data = vector.draw(page, kind)
    assert data.startswith(STARTS[kind])
    assert vector.draw(page, kind) == data


def test_the_canvas_of_lines_has_what_the_canvas_of_pixels_has(page):
    sheet = layout.lay_out(page, vector.Sheet)
    (axes,) = sheet.figure.axes
    words = [text.get_text() for text in axes.texts]
    assert {"face-0", "posterior mean", "30.0 dB, SSIM 0.90"} <= set(words)
    shown = raster.draw(page)
    assert [round(side * vector.DPI) for side in sheet.figure.get_size_inches()] == [*shown.size]
    assert len(axes.images) == len(page.rows[0].cells) + 1
    assert {text.get_fontfamily()[0] for text in axes.texts} == {"sans-serif"}


def test_text_in_a_page_is_not_mathematics():
    page = layout.Page(["a$b$"], [layout.Row("$", [layout.Cell(Image.new("RGB", (4, 4)))])], (9, 9))
    assert vector.draw(page, "svg")


@pytest.mark.parametrize("kind", STARTS)
def test_traces_in_another_format(kind):
    rows = [{"chain": 0, "step": s, "chi2": 1.0 + s} for s in range(3)]
    data = traces.traces(["photo"], 1, rows, None, [], kind)
    assert data.startswith(STARTS[kind])
    assert traces.traces(["photo"], 1, rows, None, [], kind) == data
