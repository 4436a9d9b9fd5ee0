"""A tiny VAE, trained in a second, on which the solvers of latents recover what is not seen."""

import pytest
import torch

from invprob import seeds
from invprob.errors import BadParams, BadWeights
from invprob.io import images, tensor_files
from invprob.solver import Problem
from invprob_basics import GaussianNoise, Inpaint
from invprob_basics.priors import Gaussian
from invprob_csgm import CSGM, VAE
from invprob_csgm.vae import train as training
from invprob_csgm.vae.params import VAEParams, VAETraining
from invprob_ilo import ILO, L1Ball
from tests.plugins.closed_form import last

SIDE, SIGMA = 8, 0.02


def bands(count, name):
    """Bright bands on grey: a soft line at a random height, of a random brightness."""
    height, bright = torch.rand(2, count, 1, 1, 1, generator=seeds.stream(name))
    rows = torch.arange(SIDE)[None, None, :, None]
    band = 0.2 + (0.3 + 0.4 * bright) * torch.exp(-((rows - 1 - 5 * height) ** 2) / 3)
    return band.expand(-1, 1, -1, SIDE)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vae")
    (folder / "bands").mkdir()
    for i, picture in enumerate(bands(200, "learn")):
        images.write_png(folder / "bands" / f"{i:03d}.png", picture)
    params = VAETraining(kimg=20, batch=25, latent=2, hidden=(64,), lr=1e-2)
    records = list(training.train(params, folder / "bands", folder / "out"))
    losses = [record.figures["loss"] for record in records]
    assert losses[-1] < losses[0]
    assert "held-out loss" in records[-1].figures
    assert len(list((folder / "out").glob("samples-*.png"))) == 1
    return folder / "out" / "vae.safetensors"


@pytest.mark.parametrize("solver", [CSGM(steps=80, restarts=2), ILO(stages=(0, 1), steps=(40, 40))])
def test_csgm_and_ilo_recover_the_half_that_is_not_seen(weights, solver):
    G = VAE.from_params(VAEParams(weights=weights)).requires_grad_(False)
    A = Inpaint(half="right", image_shape=G.image_shape).with_noise(GaussianNoise(SIGMA))
    truth = bands(4, "test")
    y = A.measure(truth, [seeds.stream("noise", i) for i in range(4)])
    prior = Gaussian() if isinstance(solver, CSGM) else L1Ball(1.0)
    p = Problem.create(y, A, G, dict.fromkeys(range(G.depth), prior), num_samples=1)
    image = solver.result(p, last(solver, p)[0]).image
    known = (bands(200, "learn").mean(0) - truth).square().mean()
    assert float((image - truth).square().mean()) < 0.15 * float(known)


def test_a_file_of_another_kind_is_refused(tmp_path):
    tensor_files.write(tmp_path / "x.safetensors", {"a": torch.zeros(1)}, {"kind": "other"})
    with pytest.raises(BadWeights, match="are not a VAE"):
        VAE.from_params(VAEParams(weights=tmp_path / "x.safetensors"))


def test_sizes_that_no_machine_holds_are_refused():
    many = 10_000_000
    with pytest.raises(BadParams, match="weights of widths 20, 10000000, 10000000, 784 take 3"):
        VAE.from_params(VAEParams(hidden=(many, many)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"weights": "v", "hidden": "8,8"}, "hidden=8,8 has no effect beside weights"),
        ({"sha256": "abc"}, "sha256=abc has no effect without weights"),
    ],
)
def test_a_parameter_without_effect_is_refused(given, said):
    with pytest.raises(BadParams, match=said):
        VAEParams.parse(given, "generator vae")
    # the record of a run has all values
    VAEParams.parse(VAEParams(weights="v").model_dump(), "generator vae")


def test_random_weights_are_said_to_be():
    assert "random" in VAE.from_params(VAEParams(latent=2, hidden=(4,))).assumed
