"""The loop that trainers share: an exact resume, an orderly stop, and refusals."""

import dataclasses

import pytest
import torch
from torch import nn

from invprob.errors import BadInput, Diverged
from invprob.io import checkpoint
from invprob.training import average, loop

PLAN = loop.Plan(steps=25, snapshot=10, count=4, seconds=1e9)


def origin(**params):
    return loop.Origin(params, "data")


@dataclasses.dataclass
class Walk:
    """Adds its step to a number."""

    step: int = 0
    value: float = 0.0

    def update(self):
        self.step += 1
        self.value += self.step
        return {"loss": 1.0 / self.step}

    def snapshot(self, figures):
        figures["value"] = self.value

    def state(self):
        return {"value": self.value}

    def load(self, saved):
        self.value = saved["value"]


def test_it_reports_snapshots_and_the_end(tmp_path):
    seen = list(loop.run(Walk(), PLAN, tmp_path / "c.pt", origin()))
    assert [p.step for p in seen] == [40, 80, 100]
    assert seen[-1].total == 100
    assert seen[-1].figures["value"] == sum(range(26))


def test_a_stopped_training_goes_on_where_it_was(tmp_path):
    whole = Walk()
    list(loop.run(whole, PLAN, tmp_path / "whole.pt", origin(lr=0.1)))
    first = loop.run(Walk(), PLAN, tmp_path / "c.pt", origin(lr=0.1))
    next(first)
    first.close()
    again = Walk()
    list(loop.run(again, PLAN, tmp_path / "c.pt", origin(lr=0.1)))
    assert again == whole


@pytest.mark.parametrize("steps", [10, 7])
def test_a_training_that_is_cut_short_writes_what_it_has(steps, tmp_path):
    plan = dataclasses.replace(PLAN, snapshot=100)
    records = loop.run(Walk(), plan, tmp_path / "c.pt", origin())
    next(records)
    records.close()
    short = dataclasses.replace(plan, steps=steps)
    (seen,) = loop.run(Walk(), short, tmp_path / "c.pt", origin())
    assert (seen.step, seen.total) == (40, 40)
    assert seen.figures == {"loss": 0.1, "value": 55.0}
    assert not list(loop.run(Walk(), short, tmp_path / "c.pt", origin()))


def test_what_a_step_said_is_kept_for_the_next(tmp_path):
    """A running mean goes on; in a checkpoint of before there is none."""
    taken = []

    class Reads(Walk):
        def load(self, saved):
            super().load(saved)
            taken.append(saved["figures"].get("loss"))

    for training in (Walk(), Reads()):
        records = loop.run(training, PLAN, tmp_path / "c.pt", origin())
        next(records)
        records.close()
    assert taken == [0.1]
    saved = checkpoint.read(tmp_path / "c.pt", ())
    saved = {k: v for k, v in saved.items() if k not in ("figures", "shown")}
    checkpoint.write(tmp_path / "c.pt", saved)
    assert list(loop.run(Reads(), PLAN, tmp_path / "c.pt", origin()))[-1].step == 100
    assert taken == [0.1, None]


def test_another_training_is_refused_by_what_differs(tmp_path):
    list(loop.run(Walk(), PLAN, tmp_path / "c.pt", origin(lr=0.1, batch=4)))
    with pytest.raises(BadInput, match="batch=4 and not 8"):
        next(loop.run(Walk(), PLAN, tmp_path / "c.pt", origin(lr=0.1, batch=8)))


def test_other_data_are_refused(tmp_path):
    list(loop.run(Walk(), PLAN, tmp_path / "c.pt", origin()))
    with pytest.raises(BadInput, match="on other data"):
        next(loop.run(Walk(), PLAN, tmp_path / "c.pt", loop.Origin({}, "others")))


def test_a_checkpoint_that_lacks_some_state_is_refused(tmp_path):
    checkpoint.write(tmp_path / "c.pt", {"params": {}, "data": "data", "step": 10})
    with pytest.raises(BadInput, match="of something else"):
        next(loop.run(Walk(), PLAN, tmp_path / "c.pt", origin()))


class LossTurnsNaN(Walk):
    """Its loss is NaN from step 15 on."""

    def update(self):
        return super().update() | ({"loss": float("nan")} if self.step >= 15 else {})


class WeightsTurnInfinite(Walk):
    """A step makes a weight infinite, of a loss that is finite."""

    def state(self):
        weight = torch.tensor(float("inf") if self.step >= 15 else 1.0)
        return super().state() | {"net": {"weight": weight}}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (LossTurnsNaN, "at step 15: loss is nan"),
        (WeightsTurnInfinite, "at step 20: net holds NaN or infinity"),
    ],
)
def test_a_training_that_diverges_ends_and_keeps_what_was_written(kind, said, tmp_path):
    training, shown = kind(), []
    training.snapshot = lambda figures: shown.append(training.step)
    with pytest.raises(Diverged, match=said):
        list(loop.run(training, PLAN, tmp_path / "c.pt", origin()))
    assert shown == [10]
    assert checkpoint.read(tmp_path / "c.pt", ())["step"] == 10


def test_the_running_mean_of_a_loss():
    running = average.Running()
    assert running(torch.tensor(1.0)) == 1
    assert running(torch.tensor(0.0)) == pytest.approx(0.98)
    assert average.Running(0.5)(torch.tensor(0.0)) == pytest.approx(0.49)


def test_the_average_follows_fast_at_first_and_slowly_later():
    mean, model = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.zeros_(mean.weight)
    nn.init.ones_(model.weight)
    average.follow(mean, model, 0.9, 0)
    assert mean.weight.item() == 1
    nn.init.zeros_(mean.weight)
    average.follow(mean, model, 0.9, 10_000)
    assert mean.weight.item() == pytest.approx(0.1)
    assert torch.equal(model.weight, torch.ones(1, 1))
