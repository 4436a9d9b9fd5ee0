"""The example that `invprob show` gives of a component runs, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import invprob
from invprob import seeds, tree
from invprob.callback import CallbackContext
from invprob.cli import root
from invprob.config.registry import Entry, registry
from invprob.converter import Converter
from invprob.errors import BadWeights, Incompatible
from invprob.generator import Generator
from invprob.io import images
from invprob.latents import stages
from invprob.params import Params, Spec
from invprob.prior import Denoiser, LogDensity, Prior, Proximal, Score
from invprob.solver import Problem, Solver
from invprob.testing import toys
from invprob.testing.target import examples
from tests.testing.sound import Steps, Walk

SLOW = {"diffusion", "encoder", "generator", "prior"}
"""Trainers whose libraries or smallest networks take seconds."""
BROUGHT = {"consistency", "latent-decoder", "latent-diffusion"}
"""Components whose weights the user brings: the example names a folder."""
SHAPE = (3, 24, 24)


def faces64_of(**values: Any) -> Generator:
    """The generator of the bundled faces."""
    entry = registry().find("generator", "stylegan2")
    made: Generator = entry.load()(entry.params()(**values))
    return made


@pytest.fixture(scope="module")
def faces64() -> Generator:
    return faces64_of()


def example(entry: Entry, capsys: pytest.CaptureFixture[str], **small: Any) -> Params:
    """The parameters of the example that `show` gives, `small` where it says nothing."""
    root.main(["show", entry.component.kind, entry.full_name], "invprob", standalone_mode=False)
    spec = Spec.model_validate(capsys.readouterr().out.splitlines()[-1].removeprefix("e.g. "))
    assert registry().find(entry.component.kind, spec.name) == entry
    return entry.params().parse({**small, **spec.params}, spec.name)


def of(kind: str) -> Any:
    """A test for each component of a kind."""
    cases = [
        pytest.param(e, marks=[pytest.mark.slow] if kind == "trainer" and name in SLOW else [])
        for e in registry().of_kind(kind)
        if (name := e.component.name)
    ]
    return pytest.mark.parametrize("entry", cases, ids=lambda e: e.component.name)


@of("operator")
def test_of_an_operator(entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
    A = entry.load()(example(entry, capsys), SHAPE, 0)
    assert A(torch.full((1, *SHAPE), 0.5)).shape == (1, *A.out_shape)


@of("noise")
def test_of_a_noise(entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
    noise = entry.load()(example(entry, capsys))
    clean = torch.full((2, *SHAPE), 0.5)
    y = torch.stack([noise.sample(row, seeds.stream("example")) for row in clean])
    assert noise.log_prob(y, clean).isfinite().all()


@of("generator")
def test_of_a_generator(entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
    params = example(entry, capsys)
    if entry.component.name in BROUGHT:
        with pytest.raises((BadWeights, Incompatible), match=r"there (is|are) no|is a prior of"):
            entry.load()(params)
        return
    G = entry.load()(params)
    assert G(G.sample(1, seeds.stream("example"))).shape == (1, *G.image_shape)


@of("prior")
def test_of_a_prior(entry: Entry, capsys: pytest.CaptureFixture[str], faces64: Generator) -> None:
    params, x = example(entry, capsys), None
    if entry.component.name in BROUGHT:
        with pytest.raises((BadWeights, Incompatible), match=r"there (is|are) no|is a prior of"):
            entry.load()(params, faces64, 0)
        return
    if "pixels" in entry.component.offers:
        prior: Prior[Any] = entry.load()(params, None, 0)
        x = torch.full((1, *(prior.image_shape or SHAPE)), 0.5)
    else:
        if entry.component.name == "published-score":
            faces64 = faces64_of(codes="gaussian", carry_rgb=False)
        prior = entry.load()(params, faces64, 1)
        x = stages.draws(faces64, 1, (0,), "example")
    t = torch.tensor([0.5])
    with torch.no_grad():
        if isinstance(prior, Denoiser):
            x = prior.denoise(prior.normalise(x), t)
        elif isinstance(prior, Score):
            x = prior.score(prior.normalise(x), t)
        if isinstance(prior, LogDensity):
            assert prior.log_density(x).isfinite().all()
        if isinstance(prior, Proximal):
            x = prior.prox(x)
    assert all(leaf.isfinite().all() for leaf in tree.leaves(x))


@of("solver")
def test_of_a_solver(entry: Entry, capsys: pytest.CaptureFixture[str], faces64: Generator) -> None:
    solver: Solver = entry.load()(example(entry, capsys))
    needs, priors = entry.component.needs, {}
    abilities = [need.removeprefix("prior.") for need in needs if need.startswith("prior.")]
    if "generator" in needs and "sgilo.stylegan2" in dict(entry.component.defaults).values():
        A = toys.Dense(faces64.image_shape)
        y = A(torch.full((1, *faces64.image_shape), 0.5))
        priors = dict.fromkeys(range(faces64.depth), toys.normal(abilities))
        problem = Problem.create(y, A, faces64, priors)
    else:
        problem = toys.problem("generator" in needs, abilities, rows=1, chains=1)
    _, info = next(solver.run(problem))
    assert info.image.isfinite().all()


@of("observer")
def test_of_an_observer(entry: Entry, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    problem = toys.problem(True, ["log_density"], rows=1, chains=1)
    solver = Walk(Steps(steps=1))
    params = example(entry, capsys)
    if entry.component.name == "tensorboard":
        pytest.importorskip("tensorboard", reason="its package is not installed")
    callback = entry.load()(params, CallbackContext(solver, problem, 0, 1, tmp_path))
    for progress in solver.run(problem):
        callback(progress)
    callback.close()
    assert list(tmp_path.iterdir())


@of("trainer")
def test_of_a_trainer(entry: Entry, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    small = dict(examples(entry)[0])
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for k, face in enumerate(invprob.datasets.faces(6)):
        images.write_png(pictures / f"{k}.png", face[:, ::2, ::2])
    source = "faces64" if entry.component.name == "prior" else pictures
    training: Iterator[Any] = entry.load()(
        example(entry, capsys, **small), source, tmp_path / "out"
    )
    assert next(training).step >= 0


@of("converter")
def test_of_a_converter(entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
    converter: Converter = entry.load()(example(entry, capsys))
    assert not converter.recognise({"weights of another format": torch.zeros(2)})
