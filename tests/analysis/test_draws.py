"""Draws that are collected along a run: which, how many, and the same after a resume."""

import json
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from torch import Tensor

from invprob.analysis import draws
from invprob.analysis.draws import Draws, capacity, stride
from invprob.analysis.functionals import Functionals
from invprob.config import registry
from invprob.config.experiment import Experiment
from invprob.errors import Diverged
from invprob.io import tensor_files
from invprob.runs.loop import StopAfter
from invprob.runs.session import resume, solve
from invprob.solver import Info, Progress, State

SHAPE = (1, 4, 4)


def walk(images, **changes):
    table = {
        "images": [str(path) for path in images],
        "solver": "walk:steps=100,burn=30",
        "operator": "mask",
        "noise": "gauss",
        "samples": 3,
    }
    return Experiment.parse(table | changes).resolve(registry.registry())


@pytest.fixture
def photos(tmp_path):
    """Two grey pictures of the toys' size."""
    for name, flip in (("a", False), ("b", True)):
        picture = Image.linear_gradient("L").resize((16, 16))
        (picture.rotate(90) if flip else picture).save(tmp_path / f"{name}.png")
    return [tmp_path / "a.png", tmp_path / "b.png"]


@dataclass(frozen=True)
class Latent:
    """Like that of a StyleGAN: features, and many maps of noise."""

    h: Tensor
    noise: tuple[Tensor, ...]


def problem(rows=2, operator=None):
    fit = SimpleNamespace(
        log_likelihood=lambda y, x: -((y - x) ** 2).flatten(1).sum(1),
        chi2=lambda y, x: ((y - x) ** 2).flatten(1).mean(1),
    )
    return SimpleNamespace(
        y=torch.zeros(rows, *SHAPE),
        operator=operator or fit,
        generator=SimpleNamespace(image_shape=SHAPE),
    )


def info(number, rows=2, draw=True):
    rng = torch.Generator().manual_seed(number)
    image = torch.rand(rows, *SHAPE, generator=rng)
    maps = tuple(torch.rand(rows, 1, k, k, generator=rng) for k in (2, 4, 8, 16))
    return Info(image, 0, {}, draw, Latent(torch.rand(rows, 5, generator=rng), maps))


def test_functionals_are_few_linear_and_the_same_for_every_row():
    found = Functionals(problem())(info(1))
    assert list(found) == [
        "log_likelihood", "brightness.0",
        "image.0", "image.1", "image.2", "image.3",
        "latent.h.0", "latent.h.1", "latent.noise.0", "latent.noise.1",
    ]  # fmt: skip
    assert torch.equal(found["brightness.0"], info(1).image.mean((1, 2, 3)))
    follow, other = Functionals(problem(4)), info(1, 4)
    twice = follow(other._replace(image=torch.cat([info(1).image] * 2)))
    assert torch.allclose(twice["image.2"], found["image.2"].repeat(2))
    # each map of noise counts
    for k in range(4):
        maps = list(info(1).latent.noise)
        maps[k] = maps[k] + 1
        moved = Functionals(problem())(info(1)._replace(latent=Latent(info(1).latent.h, (*maps,))))
        assert not torch.allclose(moved["latent.noise.0"], found["latent.noise.0"])
        assert torch.equal(moved["latent.h.0"], found["latent.h.0"])


def test_a_latent_that_is_one_tensor_or_absent():
    latent = torch.rand(2, 6)
    names = list(Functionals(problem())(info(1)._replace(latent=latent)))
    assert names[-2:] == ["latent.0", "latent.1"]
    assert list(Functionals(problem())(info(1)._replace(latent=None)))[-1] == "image.3"


def test_only_draws_are_kept_and_evenly_thinned():
    chains = Draws(problem(), 2)
    assert chains.drawn() is None
    for step in range(1, 201):
        chains(Progress(State(step=step), info(step, draw=step > 100)))
    drawn = chains.drawn()
    assert drawn.steps.tolist() == list(range(101, 201))
    assert drawn.values.shape == (1, 2, 100, 10)
    assert drawn.kept.tolist() == list(range(0, 100, 4))
    assert drawn.images.shape == (1, 2, 25, *SHAPE)
    assert torch.equal(drawn.images[0, :, 3], info(101 + 12).image.half())


@pytest.mark.parametrize("count", [1, 31, 32, 33, 64, 65, 1000, 4097])
def test_the_images_kept_are_bounded(count):
    every = stride(count, 32)
    assert len(range(0, count, every)) <= 32
    assert every == 1 or len(range(0, count, every // 2)) > 32


def test_the_memory_of_images_is_bounded():
    assert capacity((3, 64, 64)) == draws.KEPT
    assert capacity((3, 1024, 1024)) == draws.LEAST
    assert 2 * 3 * 512 * 512 * capacity((3, 512, 512)) <= draws.BYTES
    chains = Draws(problem(), 2)
    for step in range(500):
        chains(Progress(State(step=step), info(step)))
        assert len(chains.drawn().kept) <= draws.KEPT


def test_latents_of_another_structure_are_refused():
    chains = Draws(problem(), 2)
    chains(Progress(State(step=1), info(1)))
    with pytest.raises(ValueError, match="one structure"):
        chains(Progress(State(step=2), info(2)._replace(latent=torch.rand(2, 6))))


def test_what_a_checkpoint_has_not_seen_is_dropped(tmp_path):
    """The draws are written before the state, so they may be ahead of it by any number."""
    whole = Draws(problem(), 2)
    for step in range(1, 101):
        whole(Progress(State(step=step), info(step)))
        if step == 70:
            whole.save(tmp_path / "ahead.safetensors")
    taken = Draws(problem(), 2, draws.read(tmp_path / "ahead.safetensors"), 20)
    assert len(taken.drawn().steps) == 20
    assert int(taken.drawn().kept.max()) < 20
    for step in range(21, 101):
        taken(Progress(State(step=step), info(step)))
    for name, values in vars(whole.drawn()).items():
        again = getattr(taken.drawn(), name)
        assert torch.equal(again, values) if isinstance(values, Tensor) else again == values


def test_draws_of_a_release_before_lack_chi2_and_may_follow_more(tmp_path):
    before = Draws(problem(), 2)
    for step in range(1, 11):
        before(Progress(State(step=step), info(step)))
    before.save(tmp_path / "draws.safetensors")
    arrays, metadata = tensor_files.read(tmp_path / "draws.safetensors")
    old = {name: array for name, array in arrays.items() if name != "chi2"}
    old["values"] = torch.cat([old["values"], torch.ones(1, 2, 10, 1)], 3)
    names = [*json.loads(metadata["functionals"]), "latent.maps.0"]
    tensor_files.write(tmp_path / "old.safetensors", old, {"functionals": names})
    taken = Draws(problem(), 2, draws.read(tmp_path / "old.safetensors"), 10)
    taken(Progress(State(step=11), info(11)))
    drawn = taken.drawn()
    assert drawn.names == before.drawn().names
    assert torch.equal(drawn.values[:, :, :10], before.drawn().values)
    assert bool(drawn.chi2[0, :, :10].isnan().all())
    assert bool(drawn.chi2[0, :, 10].isfinite().all())


def test_a_resumed_run_has_the_same_draws_and_diagnostics(toys, photos, tmp_path):
    whole = tmp_path / "whole"
    solve(walk(photos[:1]), toys, whole)
    for stop in (10, 75):
        broken = tmp_path / f"broken-{stop}"
        stopped = solve(walk(photos[:1]), toys, broken, lambda _, at=stop: [StopAfter(at)])
        assert not stopped.complete
        assert (broken / "draws.safetensors").exists() == (stop > 30)
        resume(toys, broken)
        for file in ("diagnostics.json", "trace.csv"):
            assert (whole / file).read_text() == (broken / file).read_text()
        for file in ("draws.safetensors", "result.safetensors"):
            (one, told), (two, told_again) = (
                tensor_files.read(out / file) for out in (whole, broken)
            )
            assert told == told_again
            assert one.keys() == two.keys()
            assert all(torch.equal(one[key], two[key]) for key in one)


def test_the_draws_of_a_batch_are_those_of_its_elements(toys, photos, tmp_path):
    both = solve(walk(photos), toys, tmp_path / "both")
    for i, photo in enumerate(photos):
        alone = solve(walk([photo]), toys, tmp_path / f"alone-{i}")
        assert torch.allclose(alone.draws.values[0], both.draws.values[i], rtol=1e-4, atol=1e-4)
        assert torch.allclose(alone.draws.images[0], both.draws.images[i], atol=2e-3)
        assert alone.diagnostics[0].r_hat == pytest.approx(both.diagnostics[i].r_hat, rel=1e-3)
        assert torch.allclose(alone.interval.lower[0], both.interval.lower[i], atol=2e-3)


def test_without_draws_the_interval_is_that_of_the_samples(toys, photos, tmp_path):
    solution = solve(walk(photos, solver="walk:steps=5"), toys, tmp_path / "run")
    assert solution.draws is None
    assert torch.allclose(solution.interval.median, solution.samples.median(1)[0])
    assert "coverage_90" not in solution.metrics[0]
    assert not (tmp_path / "run" / "diagnostics.json").exists()


def test_chains_that_diverge_are_a_failure_that_keeps_what_was_finite(toys, photos, tmp_path):
    run = walk(photos[:1], solver="walk:steps=60,burn=0,lr=1e4")
    with pytest.raises(Diverged, match="Walk diverged at step"):
        solve(run, toys, tmp_path / "run")
    kept = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert kept["images"]
