"""Suites of many and of large pictures: no more of them are held at a time than are worked on."""

from __future__ import annotations

import base64
import gc
import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from invprob.bench import grid, report_pictures
from invprob.bench.execution import executors, protocol
from invprob.bench.grid import Cell
from invprob.bench.store import Solved, Store
from invprob.bench.suite import Suite
from invprob.config.registry import registry
from invprob.runs import cluster

Cells = Callable[..., list[Cell]]


@pytest.fixture
def cells(tmp_path: Path) -> Cells:
    """The cells of a suite of `tv` and `pinv` on pictures of a size, with two operators."""

    def cells(count: int, size: tuple[int, int]) -> list[Cell]:
        folder = tmp_path / "pictures"
        folder.mkdir()
        for number in range(count):
            Image.effect_noise(size, 40 + number).convert("RGB").save(folder / f"{number:02}.png")
        table = {
            "images": str(folder),
            "operators": ["identity", "inpaint:keep=0.5"],
            "method": [{"solver": "tv:steps=1"}, {"solver": "pinv"}],
        }
        return grid.cells(
            Suite.model_validate(table), tmp_path, tmp_path / "measurements", registry()
        )

    return cells


def held() -> int:
    """Bytes of all tensors there are."""
    gc.collect()
    return sum(
        x.numel() * x.element_size() for x in gc.get_objects() if issubclass(type(x), Tensor)
    )


def test_cells_hold_no_pictures(cells: Cells) -> None:
    before = held()
    found = cells(12, (64, 48))
    assert len(found) == 48
    one = 4 * found[0].measured.read()[0].numel()
    assert held() - before < 3 * one
    names = [(cell.task.name, cell.image) for cell in found]
    assert names == sorted(names), "those of a task, and of a measurement, stand side by side"


def in_this_process(workers: int, threads: int) -> Callable[..., Any]:
    """What stands in for `cluster.client`: workers that are threads of this process."""
    distributed = pytest.importorskip("distributed")

    @contextmanager
    def client(*_: object) -> Iterator[Any]:
        with (
            distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=threads,
                processes=False,
                dashboard_address=None,
            ) as here,
            distributed.Client(here) as client,
        ):
            yield client

    return client


class Echo:
    """A worker that gives back what it is asked, in pieces, as a pipe does."""

    def __init__(self, *_: object) -> None:
        self.asked = b""

    def solve(self, packed: bytes, timeout: float) -> bytes:
        self.asked = packed
        time.sleep(0.02)
        return self.asked


def test_threads_of_a_worker_of_dask_do_not_share_a_process(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "client", in_this_process(workers=1, threads=4))
    monkeypatch.setattr(executors, "Worker", Echo)
    monkeypatch.setattr(executors, "_WORKERS", {})
    every = cells(6, (8, 8))
    for cell, answer in executors.on_cluster(every, 60, None, "tcp://there:1"):
        assert isinstance(answer, bytes)
        assert answer == protocol.pack(*protocol.unpack(executors.request(cell)))
    assert len(executors._WORKERS) > 1


def test_a_changed_mask_is_measured_anew(tmp_path: Path) -> None:
    Image.effect_noise((16, 16), 60).convert("RGB").save(tmp_path / "a.png")
    table = {
        "images": ["a.png"],
        "operators": [f"inpaint:mask={tmp_path / 'mask.png'}"],
        "method": [{"solver": "pinv"}],
    }
    suite = Suite.model_validate(table)

    def key(hole: int) -> str:
        mask = Image.new("L", (16, 16), 255)
        mask.paste(0, (hole, 4, hole + 4, 8))
        mask.save(tmp_path / "mask.png")
        (cell,) = grid.cells(suite, tmp_path, tmp_path / "measurements", registry())
        return cell.key

    first = key(2)
    assert key(9) != first
    assert key(2) == first


def test_only_a_few_requests_are_under_way(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []

    def request(cell: Cell) -> bytes:
        sent.append(cell)
        return cell.key.encode()

    monkeypatch.setattr(cluster, "client", in_this_process(workers=2, threads=1))
    monkeypatch.setattr(executors, "request", request)
    monkeypatch.setattr(executors, "_compute", lambda packed, *_: ("R", packed))
    every = cells(6, (16, 16))
    answers = []
    for cell, answer in executors.on_cluster(every, 60, 2, None):
        answers.append(cell)
        assert answer == cell.key.encode()
        assert len(sent) <= len(answers) + 2 * executors.AHEAD
    assert len(answers) == len(every) == len(set(answers)) == 24


def test_a_report_shows_large_pictures_reduced_and_few(cells: Cells, tmp_path: Path) -> None:
    store = Store(tmp_path / "cells")
    found = {}
    for cell in cells(9, (384, 256)):
        mean = cell.measured.read()[0]
        figures = {"psnr_mean": 20.0}
        store.put(cell.key, Solved(figures, {"mean": mean.half(), "sample": mean.half()}).pack())
        found[cell] = figures
    made = report_pictures.entries(found, store, registry())
    pixels = 256 * 171
    assert len(made) == 2 * (report_pictures.PIXELS // pixels)
    for src in (made[0]["truth"], made[0]["measurement"], *made[0]["methods"]["pinv"].values()):
        if isinstance(src, str):
            data = base64.b64decode(src.removeprefix("data:image/png;base64,"))
            assert Image.open(io.BytesIO(data)).size == (256, 171)
    assert set(made[0]["methods"]) == {"tv", "pinv"}


def test_reducing_keeps_the_mean() -> None:
    picture = torch.rand(3, 512, 1024)
    small = report_pictures._reduced(picture)
    assert small.shape == (3, 128, 256)
    assert torch.allclose(small.mean((1, 2)), picture.mean((1, 2)), atol=1e-5)
    assert report_pictures._reduced(picture[:, :9, :9]).shape == (3, 9, 9)
    assert report_pictures._reduced(picture[:, :1]).shape == (3, 1, 256)
