"""The Gaussian posterior against a dense solve on small pictures."""

import math

import pytest
import torch

from invprob import fingerprint, seeds
from invprob.errors import BadWeights, Incompatible
from invprob.gaussian import conditioning
from invprob.gaussian.factors import Factors
from invprob.io import tensor_files
from invprob.operator import Operator
from invprob.solver import Problem
from invprob.validation.calibration import check_calibration, last_samples
from invprob.validation.gaussian_mixture import PixelMixture
from invprob.validation.reference_tasks import TASKS
from invprob_basics.blur import Blur
from invprob_basics.colorize import Colorize
from invprob_basics.compressed import Compressed
from invprob_basics.identity import Identity
from invprob_basics.inpaint import Inpaint
from invprob_basics.noise import GaussianNoise, NoNoise, PoissonNoise
from invprob_basics.priors import Gaussian
from invprob_basics.superres import Superres
from invprob_classical.gaussian import GaussianPosterior
from invprob_classical.gaussian_images import KIND, GaussianImages, read, write

SHAPE = (3, 6, 6)
N = math.prod(SHAPE)
OPERATORS = {
    "identity": lambda: Identity(SHAPE),
    "inpaint": lambda: Inpaint(keep=0.3, image_shape=SHAPE),
    "superres": lambda: Superres(factor=2, image_shape=SHAPE),
    "blur": lambda: Blur(sigma=0.4, image_shape=SHAPE),
    "colorize": lambda: Colorize(SHAPE),
    "circulant": lambda: Compressed(ratio=0.3, image_shape=SHAPE),
    "gaussian": lambda: Compressed(matrix="gaussian", ratio=0.2, image_shape=SHAPE),
}


@pytest.fixture
def factors():
    rng = seeds.stream("factors")
    rows = torch.linalg.qr(torch.randn(N, 5, generator=rng).double()).Q.T
    excess = torch.tensor([2.0, 0.7, 0.3, 0.1, 0.02]).double()
    mean = torch.rand(SHAPE, generator=rng).double()
    return Factors(mean, rows.reshape(5, *SHAPE), excess, torch.tensor(0.004).double())


def dense(f):
    rows = f.components.flatten(1)
    return rows.T @ torch.diag(f.excess) @ rows + f.rest * torch.eye(N).double()


def exact(f, A, sigma, y):
    """(mean, covariance) of the posterior by matrices."""
    M = A(torch.eye(N).double().reshape(N, *SHAPE)).flatten(1).T
    C = dense(f)
    gain = C @ M.T @ torch.linalg.inv(M @ C @ M.T + sigma**2 * torch.eye(len(M)).double())
    gap = y.flatten(1) - (M @ f.mean.flatten())
    return f.mean.flatten() + gap @ gain.T, C - gain @ M @ C


def measured(f, A):
    truth = f.mean + 0.3 * torch.randn(2, *SHAPE, generator=seeds.stream("truth")).double()
    return A.measure(truth, [seeds.stream("noise", r) for r in range(2)])


@pytest.mark.parametrize("name", OPERATORS)
def test_mean_and_variance_are_those_of_a_dense_solve(factors, name):
    A = OPERATORS[name]().with_noise(GaussianNoise(0.05)).double()
    y = measured(factors, A)
    mean, covariance = exact(factors, A, 0.05, y)
    found = conditioning.condition(factors, A, 0.05)
    torch.testing.assert_close(found.mean(y).flatten(1), mean, rtol=0, atol=1e-9)
    torch.testing.assert_close(found.variance().flatten(), covariance.diagonal(), rtol=0, atol=1e-9)


def test_more_measurements_than_probes_leave_the_variance_nearly_exact(factors, monkeypatch):
    monkeypatch.setattr(conditioning, "PROBES", 64)
    A = Compressed(ratio=0.7, image_shape=SHAPE).double()
    _, covariance = exact(factors, A, 0.05, A(factors.mean[None]))
    found = conditioning.condition(factors, A, 0.05).variance().flatten()
    assert float((found - covariance.diagonal()).abs().max()) < 0.35 * float(factors.rest)


def test_draws_have_the_exact_mean_and_covariance(factors):
    A = OPERATORS["circulant"]().with_noise(GaussianNoise(0.1)).double()
    y = measured(factors, A)[:1]
    mean, covariance = exact(factors, A, 0.1, y)
    solver = GaussianPosterior(draws=2)
    p = Problem.create(y, A, priors={0: GaussianImages(factors)}, num_samples=4000)
    made = [progress.info for progress in solver.run(p)]
    assert all(info.draw for info in made)
    draws = torch.cat([info.image.flatten(1) for info in made])
    assert float((draws.mean(0) - mean[0]).abs().max()) < 5 * float(
        (covariance.diagonal().max() / len(draws)).sqrt()
    )
    gap = torch.cov(draws.T) - covariance
    assert float(gap.norm() / covariance.norm()) < 0.15
    chunks = [info.image.flatten(1) - mean for info in made]
    correlation = (chunks[0] * chunks[1]).mean() / covariance.diagonal().mean()
    assert abs(float(correlation)) < 0.02  # one draw knows nothing of the next


def test_a_wide_prior_and_hardly_any_noise_give_the_pseudo_inverse():
    A = OPERATORS["superres"]().with_noise(GaussianNoise(1e-4)).double()
    wide = Factors(
        torch.zeros(SHAPE).double(),
        torch.eye(N).double()[:1].reshape(1, *SHAPE),
        torch.tensor([1e-3]).double(),
        torch.tensor(100.0).double(),
    )
    y = torch.rand(1, *A.out_shape, generator=seeds.stream("y")).double()
    found = conditioning.condition(wide, A, 1e-4).mean(y)
    torch.testing.assert_close(found, A.pinv(y), rtol=0, atol=1e-4)


def test_the_factors_of_another_gaussian_are_found_from_its_density():
    A = Inpaint(keep=0.5, image_shape=SHAPE, noise=NoNoise(0.05)).double()
    y = torch.rand(1, *A.out_shape, generator=seeds.stream("y")).double()
    p = Problem.create(y, A, priors={0: Gaussian(mean=0.4, std=0.2).double()})
    state = GaussianPosterior(draws=1).init(p)
    kept = A.adjoint(torch.ones_like(y))
    expected = 0.4 + kept * (A.adjoint(y) - 0.4) * 0.2**2 / (0.2**2 + 0.05**2)
    torch.testing.assert_close(state.mean, expected, rtol=0, atol=1e-6)


class Squares(Operator):
    in_shape = out_shape = SHAPE

    def forward(self, x):
        return x**2


def test_what_is_not_gaussian_is_refused_in_a_sentence(factors):
    prior = GaussianImages(factors)
    y = factors.mean[None].float()
    cases = {
        "the noise is PoissonNoise": (Identity(SHAPE, noise=PoissonNoise(0.01)), prior),
        "Squares is not declared as one": (Squares(GaussianNoise(0.1)), prior),
        "of PixelMixture is not quadratic": (
            Identity(SHAPE, noise=GaussianNoise(0.1)),
            PixelMixture(TASKS[4].distribution.__class__(*two_modes())),
        ),
    }
    for words, (A, given) in cases.items():
        p = Problem.create(y.double(), A.double(), priors={0: given})
        with pytest.raises(Incompatible, match=words):
            GaussianPosterior().init(p)
    large = (3, 32, 32)
    p = Problem.create(torch.rand(1, *large), Identity(large, noise=GaussianNoise(0.1)))
    p.priors[0] = Gaussian()
    with pytest.raises(Incompatible, match="3072 image values is too large"):
        GaussianPosterior().init(p)


def two_modes():
    return torch.ones(2), torch.stack([torch.full((N,), v).double() for v in (-0.2, 0.2)]), 0.05


def test_it_is_calibrated_without_any_bias():
    task = next(t for t in TASKS if t.name == "normal" and not t.latent)
    report = check_calibration(last_samples(GaussianPosterior(draws=1)), task, problems=60)
    assert GaussianPosterior().bias == 0
    assert report.failures == ()
    assert report.metrics["error of means"] < 0.1


def test_files_keep_the_gaussian(factors, tmp_path):
    path = tmp_path / "gaussian.safetensors"
    write(path, factors, {"images": 7})
    found = read(path)
    rows = found.components.flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(5), rtol=0, atol=1e-5)
    torch.testing.assert_close(found.components, factors.components.float(), rtol=0, atol=3e-3)
    torch.testing.assert_close(found.excess, factors.excess.float())
    x = torch.rand(2, *SHAPE, generator=seeds.stream("x"))
    prior = GaussianImages.pretrained(path)
    precision = torch.linalg.inv(dense(factors))
    gap = (x.double() - factors.mean).flatten(1)
    expected = -0.5 * (gap @ precision * gap).sum(1)
    torch.testing.assert_close(prior.log_density(x).double(), expected, rtol=0.02, atol=0)


def test_other_files_are_refused(factors, tmp_path):
    path = tmp_path / "gaussian.safetensors"
    write(path, factors, {"kind": "pixel-diffusion"})
    with pytest.raises(BadWeights, match="not a Gaussian over images"):
        read(path)


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        ({"mean": torch.zeros(6, 6)}, r"mean is \(6, 6\)"),
        ({"mean": torch.full(SHAPE, math.nan)}, "mean is not finite"),
        ({"components": torch.ones(5, 7)}, r"components is \(5, 7\), not \(5, 3, 6, 6\)"),
        ({"components": torch.zeros(5, *SHAPE)}, "a component is 0"),
        ({"excess": torch.ones(4)}, r"excess is \(4,\), not \(5,\)"),
        ({"excess": torch.zeros(5)}, "a variance is not above 0"),
        ({"rest": torch.tensor(-1.0)}, "a variance is not above 0"),
        ({"rest": torch.ones(1)}, r"rest is \(1,\), not \(\)"),
        ({"rest": None}, "rest is missing"),
    ],
)
def test_damaged_files_are_refused(factors, tmp_path, spoiled, said):
    path = tmp_path / "gaussian.safetensors"
    tensors = {name: part.float() for name, part in vars(factors).items()} | spoiled
    tensors = {name: part for name, part in tensors.items() if part is not None}
    tensor_files.write(path, tensors, {"kind": KIND})
    with pytest.raises(BadWeights, match=said):
        read(path)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_bits_of_the_prior_do_not_depend_on_the_threads(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = fingerprint.of_modules(GaussianImages.pretrained("faces64"))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    torch.set_num_threads(1)
    try:
        assert fingerprint.of_modules(GaussianImages.pretrained("faces64")) == found
    finally:
        torch.set_num_threads(before)
