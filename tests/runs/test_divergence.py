"""A result that is NaN or infinite is a failure, and what was computed before is kept."""

import dataclasses
import json

import pytest
import torch

import invprob
from invprob.errors import BrokenPlugin, Diverged
from tests import toys


class Lost(toys.Walk):
    """The walk, some rows of which are NaN from a step on."""

    params_type = toys.WalkParams
    rows, since = (0,), 2

    def step(self, problem, state):
        moved = super().step(problem, state)
        if moved.state.step < self.since:
            return moved
        factor = torch.ones(len(problem.keys), 1)
        factor[list(self.rows)] = torch.nan
        image = moved.info.image * factor[:, :, None, None]
        after = dataclasses.replace(moved.state, x=moved.state.x * factor)
        return moved._replace(state=after, info=moved.info._replace(image=image))


class Everywhere(Lost):
    rows, since = (0, 1, 2, 3), 3


@pytest.fixture
def truth(toys):
    return torch.rand((2, 1, 16, 16), generator=torch.Generator().manual_seed(0))


def solve(truth, solver, **more):
    given = {"operator": "mask", "noise": "gauss", "generator": "linear", "prior": "normal"}
    return invprob.solve(truth=truth, solver=solver, num_samples=2, **given, **more)


def strict(path):
    def refuse(constant):
        raise AssertionError(f"{path} holds {constant}")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_one_sample_that_diverges(truth, tmp_path):
    with pytest.raises(Diverged) as caught:
        solve(truth, Lost(toys.WalkParams(steps=4, lr=1e-3, burn=0)), out=tmp_path / "run")
    assert caught.value.message == (
        "Lost diverged at step 2: the answer holds NaN or infinity in 1 of 4 samples (image-0)"
    )
    assert caught.value.hint == "go back towards lr=0.02 (it is 0.001)"
    kept = caught.value.solution
    assert (kept.steps, kept.out) == (4, tmp_path / "run")
    assert bool(kept.samples[0, 1].isfinite().all())
    assert bool(kept.mean[1].isfinite().all())
    assert (tmp_path / "run" / "summary.png").is_file()
    for name in ("metrics.json", "manifest.json", "diagnostics.json"):
        strict(tmp_path / "run" / name)


class Odd(toys.Walk):
    """Reports a number for all rows together."""

    def step(self, problem, state):
        moved = super().step(problem, state)
        return moved._replace(info=moved.info._replace(metrics={"loss": 3.0}))


class Negative(toys.Walk):
    def result(self, problem, state):
        found = super().result(problem, state)
        return found._replace(var=found.var - 0.01)


@pytest.mark.parametrize(
    ("solver", "said"),
    [
        (Odd, r"the metric 'loss' of a step is 3\.0, and not a number for each row"),
        (Negative, r"the result of Negative has a variance of -0\.01"),
    ],
)
def test_what_a_solver_must_not_give_is_said(truth, solver, said):
    with pytest.raises(BrokenPlugin, match=said):
        solve(truth, solver(toys.WalkParams(steps=3)))


def test_all_samples_diverge_and_what_was_before_is_the_result(truth, tmp_path):
    with pytest.raises(Diverged, match=r"at step 3: .* in every sample") as caught:
        solve(truth, Everywhere(toys.WalkParams(steps=9)), out=tmp_path / "run")
    assert caught.value.hint == "lower its step size"
    kept = caught.value.solution
    assert (kept.steps, kept.complete) == (2, False)
    assert bool(kept.samples.isfinite().all())


def test_nothing_is_left_of_a_run_that_diverges_at_once(truth, tmp_path, monkeypatch):
    monkeypatch.setattr(Everywhere, "since", 1)
    with pytest.raises(Diverged, match="at step 1") as caught:
        solve(truth, Everywhere(toys.WalkParams(steps=9)), out=tmp_path / "run")
    assert caught.value.solution is None
    assert not (tmp_path / "run").exists()


class Faint(toys.Gauss):
    def log_prob(self, y, clean):
        return super().log_prob(y, clean) / 0


def test_an_objective_without_a_finite_value(truth):
    given = {"noise": Faint(toys.GaussParams()), "operator": "mask", "solver": "walk:steps=3"}
    with pytest.raises(Diverged, match="at step 1: the objective is not finite") as caught:
        invprob.solve(truth=truth, **given)
    assert "noise level" in caught.value.hint
