"""Problems of objects: made, solved without a folder, changed in part, run step by step."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

import invprob
from invprob import Problem, seeds
from invprob.errors import BadInput, Incompatible
from invprob.generator import Identity
from tests import toys

pytestmark = pytest.mark.usefixtures("toys")
WALK = toys.Walk(toys.WalkParams(steps=4))


@pytest.fixture
def generator():
    return toys.Linear(toys.LinearParams())


def operator(seed=0, shape=toys.SHAPE):
    A = toys.Mask(toys.MaskParams(), shape, seed)
    A.noise = toys.Gauss(toys.GaussParams())
    return A


@pytest.fixture
def truth():
    return torch.stack([torch.full(toys.SHAPE, 0.25), torch.full(toys.SHAPE, 0.75)])


@pytest.fixture
def problem(generator, truth):
    A = operator()
    y = A.measure(truth, [seeds.stream("noise", i) for i in range(2)])
    priors = {0: toys.Normal(toys.NoParams(), generator, 0)}
    return Problem.create(y, A, generator, priors, num_samples=3, seed=7)


def test_rows_are_repeated_and_have_keys_of_their_own(problem):
    assert problem.y.shape == (6, *toys.SHAPE)
    assert torch.equal(problem.y[0], problem.y[2])
    assert torch.equal(problem.measurements, problem.y[[0, 3]])
    assert len(set(problem.keys)) == 6
    assert problem.keys[4] == seeds.chain_key(7, problem.y[3], 1)


def test_a_measurement_alone_is_a_batch_of_one(problem):
    alone = Problem.create(problem.y[3], problem.operator, problem.generator, num_samples=3, seed=7)
    assert alone.keys == problem.keys[3:]


def test_without_a_generator_latents_are_images(truth):
    A = operator()
    found = Problem.create(A(truth), A)
    assert isinstance(found.generator, Identity)
    assert found.generator.image_shape == toys.SHAPE


def test_what_does_not_fit_is_refused(generator, truth):
    A = operator()
    with pytest.raises(BadInput, match=r"torch\.int64"):
        Problem.create(torch.zeros(toys.SHAPE, dtype=torch.long), A)
    with pytest.raises(BadInput, match="num_samples is 0"):
        Problem.create(truth, A, num_samples=0)
    with pytest.raises(Incompatible, match=r"shape \(8, 8\)"):
        Problem.create(torch.zeros(1, 8, 8), A)
    vague = operator()
    del vague.out_shape
    with pytest.raises(Incompatible, match="Mask does not say for which images it is"):
        Problem.create(truth, vague)
    with pytest.raises(Incompatible, match="the generator makes"):
        Problem.create(torch.zeros(1, 8, 8), operator(shape=(1, 8, 8)), generator)


def test_it_is_solved_without_a_folder(problem, truth, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = invprob.solve(problem, WALK)
    assert list(tmp_path.iterdir()) == []
    assert found.samples.shape == (2, 3, *toys.SHAPE)
    assert (found.out, found.experiment, found.truth) == (None, None, None)
    assert found.names == ("measurement-0", "measurement-1")
    assert set(found.metrics[0]) == {"image", "chi2_mean", "chi2_sample", "estimate"}
    assert repr(found).startswith("<Solution: 2 × 3 samples by Walk")
    assert found.subtitle == "Mask; noise Gauss"
    compared = invprob.solve(problem, WALK, truth=truth)
    assert torch.equal(compared.samples, found.samples)
    assert compared.metrics[1]["psnr_mean"] > 0
    assert "<table>" in compared._repr_html_()


def test_it_gives_what_names_give(problem, truth):
    named = invprob.solve(
        problem.measurements,
        WALK,
        operator=problem.operator,
        noise=problem.operator.noise,
        generator=problem.generator,
        prior=problem.priors[0],
        num_samples=3,
        seed=7,
    )
    assert torch.equal(named.samples, invprob.solve(problem, WALK).samples)


def test_a_folder_holds_the_results_and_says_that_it_cannot_be_resumed(problem, tmp_path):
    out = tmp_path / "run"
    found = invprob.solve(problem, WALK, out=out)
    assert {path.name for path in out.iterdir()} >= {
        *("manifest.json", "measurement.safetensors", "result.safetensors", "metrics.json"),
        *("trace.csv", "trace.png", "summary.png", "mean", "std", "samples"),
    }
    assert (out / "summary.png").read_bytes() == found.summary
    assert json.loads((out / "metrics.json").read_text())["solver"] == "Walk"
    with pytest.raises(BadInput, match="made of Python objects"):
        invprob.resume(out)


def test_one_component_is_swapped(problem):
    other = dataclasses.replace(problem, operator=operator(seed=1))
    assert other.keys == problem.keys
    one, two = (invprob.solve(p, WALK) for p in (problem, other))
    assert not torch.equal(one.samples, two.samples)
    small = dataclasses.replace(problem, operator=operator(shape=(1, 8, 8)))
    with pytest.raises(Incompatible, match="Mask gives"):
        invprob.solve(small, WALK)


def test_what_a_problem_has_is_not_given_again(problem, truth):
    with pytest.raises(BadInput, match="operator, seed cannot be given beside a problem"):
        invprob.solve(problem, WALK, operator="mask", seed=1)
    with pytest.raises(BadInput, match="callbacks cannot"):
        invprob.solve(problem, WALK, callbacks=["csv"])
    with pytest.raises(BadInput, match="solver is 'walk'"):
        invprob.solve(problem, "walk")
    with pytest.raises(BadInput, match="truth has 1 images, the problem 2"):
        invprob.solve(problem, WALK, truth=truth[0])


def test_a_callback_stops_it(problem):
    found = invprob.solve(problem, WALK, callbacks=[lambda p: p.state.step == 2])
    assert (found.steps, found.complete) == (2, False)


def test_a_solver_runs_step_by_step_and_is_plotted(problem):
    from matplotlib.figure import Figure

    chi2, images = [], []
    for state, info in WALK.run(problem):
        chi2.append(float(info.metrics["chi2"].mean()))
        images.append(info.image[0, 0].numpy())
        assert state.step == len(chi2)
    assert len(chi2) == 4
    page = Figure()
    curve, picture = page.subplots(1, 2)
    (line,) = curve.plot(chi2)
    shown = picture.imshow(images[-1])
    page.draw_without_rendering()
    assert list(line.get_ydata()) == chi2
    assert shown.get_array().shape == toys.SHAPE[1:]


def test_the_operator_stays_where_it_is(problem, tmp_path):
    before = problem.operator.mask
    invprob.solve(problem, WALK, out=tmp_path / "run")
    assert problem.operator.mask is before


def test_the_noise_of_an_operator_is_the_default(truth):
    loud = toys.GaussParams(sigma=0.5)
    A = operator().with_noise(toys.Gauss(loud))
    run = {"truth": truth, "solver": WALK, "generator": "linear", "prior": "normal"}
    found, same, other = (
        invprob.solve(**run, operator=A, noise=noise)
        for noise in (None, toys.Gauss(loud), toys.Gauss(toys.GaussParams()))
    )
    assert torch.equal(found.y, same.y)
    assert not torch.equal(found.y, other.y)
    assert A.noise.sigma == 0.5


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"num_samples": 2.0}, "num_samples is 2.0"),
        ({"num_samples": "2"}, "num_samples is '2'"),
        ({"num_samples": 0}, "num_samples is 0"),
        ({"seed": 1.0}, "seed is 1.0"),
        ({"seed": None}, "seed is None"),
        ({"seed": -1}, "seed is -1"),
        ({"priors": {0: "gaussian"}}, "the prior of stage 0 is 'gaussian'"),
        ({"device": "gpu"}, "device 'gpu' is not available"),
        ({"y": torch.zeros(0, *toys.SHAPE)}, "y holds no measurement"),
    ],
)
def test_an_argument_of_another_kind_is_refused(argument, said):
    given = {"y": torch.full(toys.SHAPE, 0.5), "operator": operator()} | argument
    with pytest.raises(BadInput, match=said):
        Problem.create(**given)
