"""Inverse problems and pictures through folders of latent diffusion and consistency models."""

import pytest
import torch
from PIL import Image

from invprob import cli, seeds
from invprob.solver import Problem
from invprob_basics import GaussianNoise, Inpaint
from invprob_basics.priors import Gaussian
from invprob_csgm import CSGM
from invprob_dps import Consistency, LatentDecoder, LatentDiffusion
from invprob_ilo import ILO, L1Ball
from invprob_sgilo import SGILO
from tests.plugins.closed_form import last
from tests.plugins.dps.latent_folders import consistency_pipeline, latent_pipeline


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    latent_pipeline().save_pretrained(place / "ldm")
    consistency_pipeline().save_pretrained(place / "cm")
    Image.linear_gradient("L").resize((8, 8)).convert("RGB").save(place / "photo.png")
    return place


ANNEALED = {"stages": (0,), "num_levels": 2, "ode_steps": 2}
SOLVERS = {
    "sgilo": lambda: SGILO(**ANNEALED, steps=(40,), anneal=0.3, fisher_probes=1),
    "daps": lambda: SGILO(**ANNEALED, steps=(40,), anneal=1.0),
    "csgm": lambda: CSGM(steps=4, restarts=1),
    "ilo": lambda: ILO(stages=(0,), steps=(4,)),
    "one step": lambda: CSGM(steps=4, restarts=1),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_solvers_of_latents_explain_a_measurement(place, name):
    G = Consistency if name == "one step" else LatentDecoder
    G = G.pretrained(place / ("cm" if name == "one step" else "ldm"))
    priors = {"csgm": Gaussian, "one step": Gaussian, "ilo": lambda: L1Ball(2.0)}
    prior = priors.get(name, lambda: LatentDiffusion.pretrained(generator=G))()
    A = Inpaint(torch.rand(8, 8, generator=seeds.stream("mask")) < 0.5, noise=GaussianNoise(0.1))
    with torch.no_grad():
        y = A.measure(G(G.sample(1, seeds.stream("truth"))), [seeds.stream("noise")])
    problem = Problem.create(y, A, G, {0: prior}, num_samples=2, seed=0)
    solver = SOLVERS[name]()
    solver.validate(G)
    first = next(iter(solver.run(problem))).info.metrics["chi2"]
    state, info = last(solver, problem)
    image = solver.result(problem, state).image
    assert image.shape == (2, 3, 8, 8)
    assert bool((info.metrics["chi2"] < first).all())


def test_from_the_command_line(place, monkeypatch):
    monkeypatch.chdir(place)
    decoder = ("--generator", "latent-decoder:weights=ldm", "--quiet")
    sgilo = ("--solver", "sgilo:stages=0,steps=4,anneal=1", "--prior", "latent-diffusion")
    task = ("--operator", "inpaint:keep=0.5", "--noise", "gaussian:sigma=0.1", "--samples", "2")
    assert cli.call(["solve", "photo.png", *task, *sgilo, *decoder, "--out", "run"]) == 0
    words = ("--prior", "0=latent-diffusion", "--sampler", "ancestral:steps=2", "--count", "2")
    assert cli.call(["sample", *words, *decoder, "--out", "drawn"]) == 0
    assert len(list((place / "drawn").glob("0*.png"))) == 2
