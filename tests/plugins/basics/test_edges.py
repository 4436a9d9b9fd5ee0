"""What lies at the edge: dark pixels, compositions that cannot be, kernels too large to make."""

import pytest
import torch

from invprob import seeds
from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.errors import BadInput, BadParams, Incompatible
from invprob.operator import Operator, compose
from invprob_basics import Blur, Fourier
from invprob_basics.noise import PoissonNoise


def operator(text, shape=(3, 16, 16)):
    chain = []
    for spec in Experiment.parse({"operator": text}).operator:
        entry = registry().find("operator", spec.name)
        chain.append(entry.load()(entry.params().parse(spec.params), shape, 0))
        shape = chain[-1].out_shape
    return compose(chain)


class Square(Operator):
    def __init__(self, shape):
        super().__init__()
        self.in_shape = self.out_shape = shape

    def forward(self, x):
        return x**2


@pytest.mark.parametrize("photons", [0.0, 0.3, 1.0, 40.0])
def test_poisson_is_concave_with_its_peak_at_the_counted_photons(photons):
    noise = PoissonNoise(0.02)
    clean = (torch.linspace(-50, 90, 14001, dtype=torch.float64) * 0.02)[:, None]
    score = noise.log_prob(torch.full_like(clean, photons * 0.02), clean)
    assert float(clean[score.argmax()]) == pytest.approx(photons * 0.02, abs=0.02 * 0.011)
    assert float(score.diff().diff().max()) < 1e-9


@pytest.mark.parametrize("photons", [0.01, 0.5, 20.0])
def test_poisson_chi2_of_the_truth_is_one_in_the_dark_too(photons):
    noise = PoissonNoise(0.02)
    light = torch.full((1, 100_000), photons * 0.02)
    clean = torch.cat([light, torch.full((1, 100), 0.5), torch.zeros(1, 100_000)], 1)
    y = noise.sample(clean[0], seeds.stream(1))[None]
    assert float(noise.chi2(y, clean)) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("then", ["inpaint", "superres:factor=2", "blur:sigma=1", "colorize"])
@pytest.mark.parametrize("first", ["inpaint:keep=0.5", "compressed:m=9"])
def test_what_takes_a_picture_cannot_follow_what_gives_none(first, then):
    with pytest.raises(Incompatible, match="takes a picture"):
        operator(f"{first}|{then}")


def test_every_composition_shows_a_picture():
    A = operator("inpaint:keep=0.5|compressed:m=50")
    assert A.observed(A(torch.rand(2, 3, 16, 16))).shape == (2, 3, 16, 16)
    B = compose([Square((3, 16, 16)), operator("inpaint:keep=0.5")])
    x = torch.rand(2, 3, 16, 16)
    assert torch.equal(B.observed(B(x)), B.operators[1].observed(B(x)))


def test_half_of_one_column_leaves_nothing():
    with pytest.raises(BadInput, match="no measured pixel"):
        operator("inpaint:half=right", (3, 8, 1))


@pytest.mark.parametrize("text", ["blur:sigma=1e7", "blur:motion=1e9"])
def test_a_kernel_larger_than_memory_is_refused_before_it_is_made(text):
    with pytest.raises(BadParams, match="too large"):
        operator(text)


@pytest.mark.parametrize(
    "text",
    [
        "inpaint:keep=0.3",
        "superres:factor=2",
        "superres:factor=2,kernel=average",
        "blur:sigma=0.5",
        "blur:sigma=0.5,boundary=circular",
        "colorize",
        "compressed:m=20",
        "compressed:matrix=gaussian,m=20",
        "blur:sigma=0.5|superres:factor=2",
        "superres:factor=2|inpaint:keep=0.5",
    ],
)
def test_the_pseudo_inverse_has_the_four_properties_of_penrose(text):
    """Penrose, 1955: A A⁺A = A, A⁺A A⁺ = A⁺, and A A⁺ and A⁺A symmetric."""
    A = operator(text, (3, 6, 8))
    n, m = 3 * 6 * 8, torch.Size(A.out_shape).numel()
    eye = torch.eye(n, dtype=torch.float64).reshape(n, 3, 6, 8)
    a = A(eye).reshape(n, m).T
    back = torch.eye(m, dtype=torch.float64).reshape(m, *A.out_shape)
    p = A.pinv(back).reshape(m, n).T
    for ours, theirs in ((a @ p @ a, a), (p @ a @ p, p), (a @ p, (a @ p).T), (p @ a, (p @ a).T)):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_a_motion_spreads_the_light_along_its_line():
    kernel = operator("blur:motion=5,angle=90", (1, 17, 17)).kernel
    middle = kernel.shape[1] // 2
    assert float(kernel[:, middle].sum()) == pytest.approx(1)


def test_a_kernel_is_as_wide_as_the_side_that_it_lies_along():
    assert Blur(torch.ones(1, 21), image_shape=(3, 8, 64)).margin == (0, 10)
    with pytest.raises(BadParams, match="reaches 10 pixels far is too large"):
        Blur(torch.ones(21, 1), image_shape=(3, 8, 64))


def test_the_proximal_map_of_fourier_keeps_its_digits():
    """Where the measurement weighs a million times what the image does."""
    A = Fourier(mask="random", acceleration=4, image_shape=(3, 32, 32))
    z = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    y, gamma = A(z.flip(3)), torch.full((1, 1, 1), 1e6)
    exact = A.double().prox(z.double(), y.double(), gamma.double())
    assert (A.float().prox(z, y, gamma) - exact).abs().max() < 1e-4
