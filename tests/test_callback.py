"""Observers of plugins: csv and tensorboard, by the command line, stopped and resumed."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace

import pytest
import torch

import invprob
from invprob.callback import CallbackContext
from invprob.errors import BadInput, BadParams
from invprob.solver import Info, Progress, State
from invprob_basics.csv_log import CSVLog
from invprob_basics.params import CSVLogParams
from tests.conftest import TOYS
from tests.toys import SHAPE

RUN = {"solver": "walk:steps=6", "operator": "mask", "noise": "gauss", "num_samples": 2}


@pytest.fixture(autouse=True)
def toys_and_basics(plugins):
    plugins(TOYS, ("basics", "invprob_basics.plugin", ""))


@pytest.fixture
def truth():
    return torch.full(SHAPE, 0.5)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_writes_a_row_per_step_and_chain(truth, tmp_path):
    path = tmp_path / "new" / "trace.csv"
    invprob.solve(truth=truth, **RUN, callbacks=[f"csv:path={path},every=4"])
    assert [(r["step"], r["chain"]) for r in rows(path)] == [
        ("4", "0"), ("4", "1"), ("6", "0"), ("6", "1"),
    ]  # fmt: skip
    assert all(float(r["chi2"]) > 0 for r in rows(path))


def test_a_resumed_run_goes_on_in_the_same_file(truth, tmp_path):
    whole = invprob.solve(truth=truth, **RUN, callbacks=["csv"], out=tmp_path / "whole")

    def stop(progress):
        return progress.state.step == 3

    invprob.solve(truth=truth, **RUN, callbacks=["csv", stop], out=tmp_path / "run")
    assert len(rows(tmp_path / "run" / "observed.csv")) == 6
    # rows of steps that are newer than the checkpoint are made again
    with (tmp_path / "run" / "observed.csv").open("a") as file:
        file.write("4,0,0,9\n")
    invprob.resume(tmp_path / "run")
    assert rows(tmp_path / "run" / "observed.csv") == rows(whole.out / "observed.csv")


def test_figures_that_come_later_have_columns_of_their_own(tmp_path):
    """As a sampler has a step size only when its annealing is over."""
    path = tmp_path / "observed.csv"
    later = {"acceptance": torch.tensor([0.8, 0.9])}

    def see(log, *steps):
        for step in steps:
            metrics = {"chi2": torch.full((2,), float(step)), **(later if step > 2 else {})}
            info = Info(torch.zeros(2, *SHAPE), 0, metrics)
            log(Progress(State(step=step), info))
        log.close()

    context = CallbackContext(solver=None, problem=None, first=0, total=6, out=tmp_path)
    see(CSVLog(CSVLogParams(), context), 1, 2, 3)
    see(CSVLog(CSVLogParams(), replace(context, first=3)), 4)
    assert [(r["step"], r["chi2"], r["acceptance"]) for r in rows(path) if r["chain"] == "1"] == [
        ("1", "1.0", ""), ("2", "2.0", ""), ("3", "3.0", "0.8999999761581421"),
        ("4", "4.0", "0.8999999761581421"),
    ]  # fmt: skip
    assert len(rows(path)) == 8


def test_an_observer_that_cannot_begin_leaves_nothing(truth, tmp_path):
    (tmp_path / "file").touch()
    bad = f"csv:path={tmp_path / 'file' / 'x.csv'}"
    with pytest.raises(BadInput, match="cannot be written"):
        invprob.solve(truth=truth, **RUN, callbacks=[bad], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(BadParams, match="every"):
        invprob.solve(truth=truth, **RUN, callbacks=["csv:every=0"])
    with pytest.raises(BadInput, match=r"no run folder to write observed\.csv to"):
        invprob.solve(truth=truth, **RUN, callbacks=["csv"])


class Writer:
    """Stands in for TensorBoard's."""

    def __init__(self, folder, purge_step=None):
        self.folder, self.purge, self.closed = folder, purge_step, 0
        self.scalars, self.images = [], []
        Writer.made = self

    def add_scalar(self, name, value, step):
        self.scalars.append((name, step))

    def add_images(self, name, images, step):
        self.images.append((tuple(images.shape), step))

    def close(self):
        self.closed += 1


def test_tensorboard_is_told_figures_and_pictures(truth, tmp_path, monkeypatch):
    import types

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    spec = "tensorboard:every=3,images=6,shown=1"
    invprob.solve(truth=truth, **RUN, callbacks=[spec], out=tmp_path / "run")
    assert Writer.made.scalars == [
        (f"chi2/chain {chain}", step) for step in (3, 6) for chain in (0, 1)
    ]
    assert Writer.made.images == [((1, *SHAPE), 6)]
    assert Writer.made.folder == str(tmp_path / "run" / "tensorboard")
    assert (Writer.made.purge, Writer.made.closed) == (None, 1)


def test_without_the_extra_tensorboard_says_what_to_install(truth, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(BadInput, match="needs the package tensorboard") as caught:
        invprob.solve(truth=truth, **RUN, callbacks=["tensorboard"])
    assert "invprob[tensorboard]" in caught.value.hint


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_what_was_written(truth, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    invprob.solve(truth=truth, **RUN, callbacks=["tensorboard"], out=tmp_path / "run")
    found = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    found.Reload()
    assert [e.step for e in found.Scalars("chi2/chain 1")] == [1, 2, 3, 4, 5, 6]
    assert found.Tags()["images"]
