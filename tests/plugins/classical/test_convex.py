"""Total variation and wavelets: adjoint maps, tight frames, and convex optimality."""

import pytest
import torch

from invprob import seeds
from invprob.errors import BadParams, Incompatible
from invprob.solver import Problem
from invprob_basics.compressed import Compressed
from invprob_basics.identity import Identity
from invprob_basics.inpaint import Inpaint
from invprob_basics.noise import GaussianNoise, PoissonNoise
from invprob_basics.phase import Phase
from invprob_basics.superres import Superres
from invprob_classical import wavelet
from invprob_classical.pinv import PseudoInverse
from invprob_classical.tv import Gradient, TotalVariation
from invprob_classical.wavelet import TAPS, Details, Wavelet
from tests.plugins.closed_form import last

SHAPE = (3, 12, 10)
ANALYSES = {
    "tv": Gradient(SHAPE),
    "bands": Gradient(SHAPE, band=150),
    **{n: Details(taps, 2, SHAPE[1:]) for n, taps in TAPS.items()},
    "few shifts": Details(TAPS["db2"], 3, SHAPE[1:], finest=1),
}
SOLVERS = {"tv": TotalVariation, "wavelet": Wavelet}


def random(*shape, of="x"):
    return torch.rand(*shape, generator=seeds.stream(of)).double()


def blocks():
    """A picture of two colours."""
    x = torch.full((1, *SHAPE), 0.3).double()
    x[:, 0, 3:9, 2:7] = 0.8
    return x


@pytest.mark.parametrize("name", ANALYSES)
def test_the_adjoint_is_one_and_the_norm_is_bounded(name):
    D, x = ANALYSES[name], random(2, *SHAPE)
    p = [torch.randn(d.shape, generator=seeds.stream("p")).double() for d in D.parts(x)]
    product = sum(float((d * q).sum()) for d, q in zip(D.parts(x), p, strict=True))
    assert product == pytest.approx(float((x * D.adjoint(p)).sum()))
    for _ in range(60):
        x = D.adjoint(list(D.parts(x / x.norm())))
    assert float(x.norm()) <= D.square_norm + 1e-9
    assert max(float(d.abs().max()) for d in D.parts(torch.ones(1, *SHAPE).double())) < 1e-12


def test_bands_of_rows_give_the_differences_of_the_whole():
    x, whole, bands = random(2, *SHAPE), ANALYSES["tv"], ANALYSES["bands"]
    assert [p.shape[3] for p in bands.parts(x)] == [5, 5, 2]
    p = list(bands.parts(x))
    assert torch.equal(torch.cat(p, 3), *whole.parts(x))
    assert torch.equal(bands.adjoint(p), whole.adjoint(list(whole.parts(x))))


@pytest.mark.parametrize("family", TAPS)
def test_wavelets_are_orthogonal_and_keep_what_they_split(family):
    h = torch.tensor(TAPS[family], dtype=torch.float64)
    assert float(h.sum()) == pytest.approx(2)
    for shift in range(0, len(h), 2):
        assert float((h[shift:] * h[: len(h) - shift]).sum()) == pytest.approx(2.0 * (shift == 0))
    # with every scale there is, what is left of an image is its mean
    D, x = Details(TAPS[family], 3, (8, 8)), random(2, 3, 8, 8)
    if family == "haar":
        centred = x - x.mean((2, 3), keepdim=True)
        again = D.adjoint(list(D.parts(x)))
        torch.testing.assert_close(again, centred, rtol=0, atol=1e-12)


def test_the_norm_is_the_mean_over_shifts_of_the_orthogonal_transform():
    x = random(1, 1, 4, 4)
    D = Details(TAPS["haar"], 1, (4, 4))
    sums = []
    for down in range(2):
        for right in range(2):
            s = x[0, 0].roll((-down, -right), (0, 1))
            a, b, c, d = s[::2, ::2], s[::2, 1::2], s[1::2, ::2], s[1::2, 1::2]
            details = (a - b + c - d, a + b - c - d, a - b - c + d)
            sums.append(sum(float(v.abs().sum()) for v in details) / 2)
    assert _norm(D, x) == pytest.approx(sum(sums) / 4)


def _norm(D, x):
    return sum(w * float(d.abs().sum()) for w, d in zip(D.weights, D.parts(x), strict=True))


def test_fewer_shifts_are_the_mean_over_those_and_need_less():
    """Of the 8 × 8 shifts that matter to three scales: those of all are the mean over 2 × 2."""
    x, size = random(1, 1, 16, 16), (16, 16)
    few, all_ = Details(TAPS["db2"], 3, size, finest=1), Details(TAPS["db2"], 3, size)
    kept = [sum(d.numel() for d in D.parts(x)) / x.numel() for D in (few, all_)]
    assert kept == [wavelet.count(3, size, 1), 9] == [3 + 3 / 4 + 3 / 16, 9]
    spun = [x.roll((2 * i, 2 * j), (2, 3)) for i in range(4) for j in range(4)]
    assert sum(_norm(few, s) for s in spun) / 16 == pytest.approx(_norm(all_, x))
    rest = sum(float(d.square().sum()) for d in all_.parts(x))
    energy = [sum(float(d.square().sum()) for d in few.parts(s)) for s in spun[:3]]
    coarse = sum(float(d.square().sum()) for d in few.parts(x - x.mean()))
    assert coarse <= float(x.square().sum())
    assert sum(energy) / 3 == pytest.approx(rest, rel=0.1)


def test_the_shifts_are_as_many_as_memory_allows():
    size = (640, 960)
    assert wavelet.finest(6, size, 18) is None
    assert [wavelet.finest(9, size, most) for most in (1, 4, 9, 17)] == [1, 1, 2, 4]
    for given, extended, norm in (((3000, 4000), (3000, 4000), 1), ((3001, 4002), (3008, 4008), 4)):
        D = Wavelet().analysis((3, *given))
        assert (D.finest, D.size, D.square_norm) == (1, extended, norm)
        assert wavelet.count(11, given, 1) < 4.5
    assert Wavelet().analysis((3, 64, 64)).finest is None


def test_an_image_in_few_shifts_is_much_the_same(monkeypatch):
    A = Identity(SHAPE, noise=GaussianNoise(0.1)).double()
    p = Problem.create(A.measure(blocks(), [seeds.stream("noise")]), A)
    solver = Wavelet(steps=100)
    whole = solver.result(p, last(solver, p)[0]).image
    few = Details(TAPS["db2"], 3, SHAPE[1:], finest=1)
    monkeypatch.setattr(solver, "analysis", lambda shape: few)
    other = solver.result(p, last(solver, p)[0]).image
    assert float((other - blocks()).square().mean().sqrt()) < 0.08
    assert 0 < float((other - whole).square().mean().sqrt()) < 0.05


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("weight", [None, 0.02])
@pytest.mark.parametrize(
    "A",
    [
        Identity(SHAPE),
        Inpaint(keep=0.5, image_shape=SHAPE),
        Superres(factor=2, image_shape=SHAPE),
        Compressed(ratio=0.4, image_shape=SHAPE),
    ],
    ids=lambda A: type(A).__name__.lower(),
)
def test_the_duality_gap_closes(name, weight, A):
    A = A.with_noise(GaussianNoise(0.05)).double()
    y = A.measure(blocks(), [seeds.stream("noise")])
    solver = SOLVERS[name](steps=1500, weight=weight)
    state, info = last(solver, Problem.create(y, A, num_samples=2))
    objective, bound = info.metrics["objective"], info.metrics["lower_bound"]
    assert float((objective - bound).abs().max() / objective.max()) < 0.01
    if weight is None:
        assert float(info.metrics["chi2"].max()) == pytest.approx(1, abs=0.01)
    image = solver.result(Problem.create(y, A, num_samples=2), state).image
    assert torch.equal(image[0], image[1])
    assert 0 <= float(image.min()) <= float(image.max()) <= 1


@pytest.mark.parametrize("name", SOLVERS)
def test_a_heavy_weight_leaves_the_mean_alone(name):
    A = Identity((3, 8, 8), noise=GaussianNoise(0.05)).double()
    y = random(1, 3, 8, 8)
    values = {"levels": 3, "family": "haar"} if name == "wavelet" else {}
    solver = SOLVERS[name](steps=3000, weight=50.0, **values)
    p = Problem.create(y, A)
    state, _ = last(solver, p)
    expected = y.mean((2, 3), keepdim=True).expand_as(y)
    torch.testing.assert_close(solver.result(p, state).image, expected, rtol=0, atol=5e-3)


@pytest.mark.parametrize("name", SOLVERS)
def test_they_remove_noise(name):
    A = Identity(SHAPE, noise=GaussianNoise(0.1)).double()
    y = A.measure(blocks(), [seeds.stream("noise")])
    p = Problem.create(y, A)
    state, _ = last(SOLVERS[name](steps=300), p)
    error = (state.at.x - blocks()).square().mean().sqrt()
    assert float(error) < 0.06


@pytest.mark.parametrize("name", SOLVERS)
def test_what_is_not_linear_or_white_is_refused(name):
    A = Identity(SHAPE, noise=PoissonNoise(0.01))
    with pytest.raises(Incompatible, match=f"{name} needs Gaussian noise"):
        SOLVERS[name]().init(Problem.create(random(1, *SHAPE), A))


def test_more_levels_than_the_size_allows_are_refused():
    A = Identity(SHAPE, noise=GaussianNoise(0.1))
    with pytest.raises(BadParams, match="4 levels of images of 10×12"):
        Wavelet(levels=4).init(Problem.create(random(1, *SHAPE), A))


def test_the_pseudo_inverse_is_what_the_operator_says():
    A = Compressed(ratio=0.3, image_shape=SHAPE, noise=GaussianNoise(0.01)).double()
    p = Problem.create(A(random(2, *SHAPE)), A)
    state, info = last(PseudoInverse(), p)
    torch.testing.assert_close(A(info.image), p.y, rtol=0, atol=1e-6)
    torch.testing.assert_close(info.image, A.pinv(p.y))
    assert state.step == 1
    B = Phase(1.0, image_shape=SHAPE, noise=A.noise).double()
    magnitudes = Problem.create(B(random(1, *SHAPE)), B)
    with pytest.raises(Incompatible, match="pinv needs a linear operator, and Phase"):
        last(PseudoInverse(), magnitudes)
