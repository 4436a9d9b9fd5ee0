"""The page in a real browser: it is painted on, undone, redone, erased and saved."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from invprob.mask_page.server import MaskServer
from tests.mask_page import browser
from tests.mask_page.browser import Tab

CHROMIUM = browser.find()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
WIDTH, HEIGHT = 320, 200
CONTROL, SHIFT = 2, 8


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    ramp = torch.linspace(0, 1, WIDTH).expand(3, HEIGHT, WIDTH)
    with MaskServer(ramp, "photo.jpg", tmp_path / "mask.png") as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            assert CHROMIUM is not None
            with browser.opened(CHROMIUM, tmp_path / "profile") as tab:
                tab.call("Page.navigate", url=server.url)
                tab.wait("document.getElementById('status')?.textContent.includes('320×200')")
                yield tab
        finally:
            server.shutdown()
            thread.join()


def _window(tab: Tab, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the picture is in the window."""
    left, top, zoom = tab.value(
        "(() => { const b = canvas.getBoundingClientRect();"
        " return [b.left, b.top, b.width / canvas.width]; })()"
    )
    return left + (x + 0.5) * zoom, top + (y + 0.5) * zoom


def _line(tab: Tab, *points: tuple[int, int]) -> None:
    tab.drag(*(_window(tab, x, y) for x, y in points))


def _painted(tab: Tab) -> int:
    return int(
        tab.value(
            "pen.getImageData(0, 0, canvas.width, canvas.height).data"
            ".filter((v, i) => i % 4 === 3 && v >= 128).length"
        )
    )


def test_one_paints_undoes_and_saves(tab: Tab, tmp_path: Path) -> None:
    width, height = tab.value("[view.scrollWidth <= view.clientWidth, view.scrollHeight <="
                              " view.clientHeight]")  # fmt: skip
    assert width
    assert height, "the whole picture is seen at first"
    assert tab.value("$('save').disabled")
    tab.value("resize(10)")
    _line(tab, (50, 100), (150, 100))
    one = _painted(tab)
    assert one == pytest.approx(100 * 11 + 78, abs=60)
    _line(tab, (50, 150), (250, 150))
    two = _painted(tab)
    assert two > 2.5 * one
    tab.key("z", CONTROL)
    assert _painted(tab) == one
    tab.key("Z", CONTROL | SHIFT)
    assert _painted(tab) == two
    tab.value("$('undo').click()")
    tab.value("$('undo').click()")
    assert _painted(tab) == 0
    assert tab.value("$('save').disabled")
    tab.value("$('redo').click()")
    tab.key("e")
    _line(tab, (90, 80), (90, 120))
    assert 0 < _painted(tab) < one
    tab.value("$('clear').click()")
    assert _painted(tab) == 0
    tab.key("z", CONTROL)
    tab.key("z", CONTROL)
    assert _painted(tab) == one
    tab.value("$('save').click()")
    tab.wait("document.getElementById('status').textContent.startsWith('Saved as')")
    with Image.open(tmp_path / "mask.png") as saved:
        mask = np.asarray(saved)
    assert mask.shape == (HEIGHT, WIDTH)
    assert set(np.unique(mask)) == {0, 255}
    assert int((mask == 0).sum()) == one
    rows, columns = np.nonzero(mask == 0)
    assert (rows.min(), rows.max()) == pytest.approx((95, 105), abs=1)
    assert (columns.min(), columns.max()) == pytest.approx((45, 155), abs=1)
    assert tab.wrong == []


def test_one_paints_with_keys_and_with_fingers(tab: Tab) -> None:
    tab.value("resize(8); canvas.focus(); cursor = [100, 100]")
    tab.key(" ", up=False)
    for _ in range(10):
        tab.key("ArrowRight")
    tab.call("Input.dispatchKeyEvent", type="keyUp", key=" ")
    tab.key("ArrowRight")
    drawn = _painted(tab)
    assert drawn == pytest.approx(20 * 8 + 50, abs=25)
    size = tab.value("size()")
    tab.key("]")
    tab.key("[")
    tab.key("]")
    assert tab.value("size()") > size
    tab.call("Emulation.setTouchEmulationEnabled", enabled=True)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        spots = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        tab.call("Input.dispatchTouchEvent", type=kind, touchPoints=spots)

    one, two = _window(tab, 200, 50), _window(tab, 240, 60)
    touch("touchStart", one)
    touch("touchMove", two)
    touch("touchEnd")
    tab.wait("strokes.length === 2")
    assert _painted(tab) > drawn
    tab.value("step(4)")
    before = tab.value("view.scrollLeft")
    touch("touchStart", (400, 300), (450, 300))
    touch("touchMove", (340, 300), (390, 300))
    touch("touchEnd")
    tab.wait(f"view.scrollLeft > {before}")
    assert tab.value("strokes.length") == 2, "two fingers move, and paint nothing"
    tab.key("f")
    tab.wait("view.scrollWidth <= view.clientWidth")
    assert tab.wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_colours_of_the_system(tab: Tab, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    tab.call("Emulation.setEmulatedMedia", features=[feature])
    shade = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    tab.wait(f"{shade} > 200" if scheme == "light" else f"{shade} < 60")


def test_what_cannot_be_saved_is_said(tab: Tab, tmp_path: Path) -> None:
    _line(tab, (50, 100), (150, 100))
    tab.value("fetch = () => Promise.resolve({ok: false, text: async () => 'the disk is full'})")
    tab.value("$('save').click()")
    tab.wait("document.getElementById('status').textContent === 'Not saved: the disk is full.'")
    assert not tab.value("$('save').disabled")
    assert not (tmp_path / "mask.png").exists()
