"""What a sensor records has the exact likelihood: masses add up to 1, and equal closed forms."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

import invprob
from invprob import seeds
from invprob.errors import Incompatible, InvprobError
from invprob.operator import LinearOperator, compose
from invprob_basics import (
    JPEG,
    Blur,
    Clip,
    Compressed,
    GaussianNoise,
    NoNoise,
    PoissonNoise,
    Quantize,
)
from invprob_basics.jpeg import CHROMA, LUMA, cosines, table
from invprob_basics.sensors import RecordedNoise, log_mass
from tests.plugins.basics.test_operators import operator

ODD = [(3, 9, 7), (1, 5, 11), (3, 16, 16), (3, 17, 33)]


def random(*shape, seed=0):
    return torch.rand(shape, generator=seeds.stream("sensors", seed), dtype=torch.float64)


def decoded(array, quality, subsampling=0):
    """What Pillow reads of what it wrote, (C, H, W)."""
    file = io.BytesIO()
    picture = Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
    picture.save(file, "JPEG", quality=quality, subsampling=subsampling)
    found = torch.from_numpy(np.array(Image.open(file))).double()
    return found.reshape(array.shape).permute(2, 0, 1)


def measured(A, x):
    return A.measure(x, [seeds.stream(k) for k in range(len(x))])


def test_the_mass_of_an_interval_has_its_digits_in_both_tails():
    def mass(a, b):
        ends = torch.tensor([a, b], dtype=torch.float64).requires_grad_()
        found = log_mass(ends[:1], ends[1:]).sum()
        return found.item(), torch.autograd.grad(found, ends)[0]

    for a, b in [(-1, 2), (3, 3.5), (-40, -39), (39, 40), (-2, 99), (-200, -30), (8, 108)]:
        found, slope = mass(a, b)
        low, high = (-b, -a) if a > 0 else (a, b)
        first, second = stats.norm.logcdf(low), stats.norm.logcdf(high)
        assert found == pytest.approx(second + math.log(-math.expm1(first - second)), rel=1e-9)
        heights = [math.exp(stats.norm.logpdf(t) - found) for t in (a, b)]
        assert slope.tolist() == pytest.approx([-heights[0], heights[1]], rel=1e-8, abs=1e-12)
    # of a narrow interval it is the density times the width
    expected = stats.norm.logpdf(5 + 5e-7) + math.log(1e-6)
    assert mass(5, 5 + 1e-6)[0] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("clean", [-0.3, 0.2, 0.97, 1.8])
def test_what_is_clipped_has_a_density_and_two_masses(clean):
    A = Clip(image_shape=(1,), noise=GaussianNoise(0.1))
    y = torch.linspace(0, 1, 20_001).double()[:, None]
    each = A.noise.log_prob(y, torch.full_like(y, clean)).exp()
    inner = torch.trapezoid(torch.cat([each[1:2], each[1:-1], each[-2:-1]]), y[:, 0])
    assert float(each[0]) == pytest.approx(stats.norm.cdf(-clean / 0.1), rel=1e-9)
    assert float(each[-1]) == pytest.approx(stats.norm.cdf((clean - 1) / 0.1), rel=1e-9)
    assert float(each[0] + inner + each[-1]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("bits", [1, 2, 3, 8])
@pytest.mark.parametrize("dither", [0.0, 0.7])
def test_the_levels_have_probabilities_that_add_up_to_one(bits, dither):
    A = Quantize(bits, dither=dither, low=-0.2, high=1.5, image_shape=(1,), seed=3)
    A = A.with_noise(GaussianNoise(0.15))
    step, zero = float(A.sensor.step), float(A.sensor.zero)
    y = zero + step * torch.arange(2**bits, dtype=torch.float64)[:, None]
    assert torch.allclose(A.sensor.record(y + 0.4 * step), y)
    cuts = np.concatenate([[-np.inf], zero + step * (np.arange(2**bits - 1) + 0.5), [np.inf]])
    for clean in (-0.5, 0.1, 0.9):
        found = A.noise.log_prob(y, torch.full_like(y, clean)).exp()
        expected = np.diff(stats.norm.cdf((cuts - clean) / 0.15))
        assert np.allclose(found, expected, atol=1e-12)
        assert float(found.sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "clip",
        "clip:gain=3,pivot=0.5,low=0.1",
        "quantize:bits=1",
        "quantize:bits=3,dither=1",
        "jpeg:quality=20",
        "blur:sigma=1|quantize",
        "compressed:m=40|quantize:bits=1,low=-1,high=1",
    ],
)
class TestEverySensor:
    SHAPE = (3, 18, 17)

    @pytest.fixture
    def A(self, text):
        return operator(text, self.SHAPE).with_noise(GaussianNoise(0.08))

    def test_chi2_of_the_truth_is_one_and_grows(self, A):
        x = random(16, *self.SHAPE) * 1.2 - 0.1
        y = measured(A, x)
        assert float(A.chi2(y, x).mean()) == pytest.approx(1, abs=0.1)
        assert float(A.chi2(y, 1 - x).mean()) > float(A.chi2(y, x).mean())

    def test_the_mean_score_at_the_truth_is_zero(self, A):
        x = random(1, *self.SHAPE).expand(400, -1, -1, -1).contiguous()
        y = measured(A, x)
        leaf = A(x).detach().requires_grad_()
        (score,) = torch.autograd.grad(A.noise.log_prob(y, leaf).sum(), leaf)
        total = score.flatten(1).sum(1)
        assert abs(float(total.mean() / total.std())) * 20 < 4

    def test_the_gradient_is_finite_far_away_and_that_of_differences(self, A):
        x = random(2, *self.SHAPE)
        y = measured(A, x)
        for at in (x, x - 30, x + 30):
            leaf = at.clone().requires_grad_()
            value = A.log_likelihood(y, leaf).sum()
            (slope,) = torch.autograd.grad(value, leaf)
            assert bool(slope.isfinite().all())
            v, h = random(2, *self.SHAPE, seed=1) - 0.5, 1e-6
            ahead, behind = (A.log_likelihood(y, at + s * v).sum() for s in (h, -h))
            expected = float((ahead - behind) / (2 * h))
            assert float((slope * v).sum()) == pytest.approx(expected, rel=1e-4, abs=1e-2)

    def test_single_precision_gives_the_same_slopes(self, A):
        x = random(2, *self.SHAPE)
        y = measured(A, x)
        slopes = []
        for dtype in (torch.float64, torch.float32):
            leaf = x.to(dtype).requires_grad_()
            (slope,) = torch.autograd.grad(A.log_likelihood(y.to(dtype), leaf).sum(), leaf)
            assert slope.dtype == dtype
            slopes.append(slope.double())
        assert torch.allclose(*slopes, rtol=1e-3, atol=1e-3 * float(slopes[0].abs().max()))

    def test_what_is_shown_is_a_picture(self, A):
        seen = A.observed(measured(A, random(2, *self.SHAPE)))
        assert seen.dim() == 4
        assert bool(seen.isfinite().all())


def test_a_clipped_pixel_pulls_up_only_as_long_as_it_is_too_dark():
    A = Clip(gain=2.0, image_shape=(1, 1, 1), noise=GaussianNoise(0.05))
    y = torch.ones(1, 1, 1, 1).double()
    for value, pulls in ((0.2, True), (0.45, True), (0.9, False)):
        x = torch.full_like(y, value).requires_grad_()
        (slope,) = torch.autograd.grad(A.log_likelihood(y, x).sum(), x)
        assert (float(slope) > 1e-3) is pulls


def test_a_dither_makes_the_error_uniform_and_independent_of_the_image():
    A = Quantize(2, dither=1.0, image_shape=(30_000,), noise=NoNoise())
    for value in (0.31, 0.5):
        x = torch.full((1, 30_000), value).double()
        error = (measured(A, x) - x)[0] * 3
        assert stats.kstest(error + 0.5, "uniform").pvalue > 0.01
    again = Quantize(2, dither=1.0, image_shape=(30_000,), seed=1)
    assert not torch.equal(again.sensor.zero, A.sensor.zero)


def test_without_noise_rounding_is_exact_and_the_consistent_set_is_flat():
    A = Quantize(2, image_shape=(3, 5, 4), noise=NoNoise(0.001))
    x = random(1, 3, 5, 4)
    y = measured(A, x)
    assert torch.equal(y, (3 * x).round() / 3)
    # within the interval the likelihood does not care, outside it does
    assert float(A.log_likelihood(y, y + 0.1)) == pytest.approx(0, abs=1e-6)
    assert float(A.log_likelihood(y, y + 0.2)) < -100


class TestJPEG:
    def test_the_tables_are_those_of_the_library(self):
        picture = Image.fromarray(np.zeros((16, 16, 3), np.uint8))
        for quality in (1, 10, 49, 50, 75, 90, 100):
            file = io.BytesIO()
            picture.save(file, "JPEG", quality=quality, subsampling=0)
            found = Image.open(file).quantization
            for i, text in enumerate((LUMA, CHROMA)):
                assert table(text, quality).flatten().long().tolist() == list(found[i])

    @pytest.mark.parametrize("quality", [10, 50, 90])
    @pytest.mark.parametrize("shape", [(64, 64), (41, 30)])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_what_it_decodes_is_what_the_library_decodes(self, quality, shape, channels):
        faces = invprob.datasets.faces(1)[:, :channels, : shape[0], : shape[1]]
        pixels = (faces * 255).round().double()
        array = pixels[0].permute(1, 2, 0).numpy().astype(np.uint8)
        theirs = decoded(array, quality)[None]
        A = JPEG(quality, subsampling="444", image_shape=(channels, *shape), noise=NoNoise())
        exact = (A(pixels / 255) - A.sensor.zero) / A.sensor.step
        # the library computes with whole numbers: ties, and what is near one, fall either way
        clear = (exact - exact.floor() - 0.5).abs() > (0.1 if channels == 1 else 0.4)
        found = (A(theirs / 255) - A.sensor.zero) / A.sensor.step
        same = found.round() == exact.round()
        # above, the rounding of pixels is as large as that of coefficients; the borders of the
        # other size are continued by what was decoded
        if quality < 90 and shape == (64, 64):
            assert float(same[clear].double().mean()) > 0.999
        ours = A.observed(measured(A, pixels / 255)) * 255
        assert float((ours - theirs).abs().mean()) < 1.2
        errors = [float((picture - pixels).square().mean().log10()) for picture in (ours, theirs)]
        assert errors[0] == pytest.approx(errors[1], abs=0.02)

    def test_subsampled_colours_are_what_the_library_averages(self):
        ramp = torch.linspace(0, 1, 32).double().expand(32, 32)
        pixels = (torch.stack([ramp, ramp.T, torch.full_like(ramp, 0.5)]) * 255).round()
        theirs = decoded(pixels.permute(1, 2, 0).numpy().astype(np.uint8), 90, subsampling=2)
        A = JPEG(90, image_shape=(3, 32, 32), noise=NoNoise())
        ours = A.observed(measured(A, pixels[None] / 255))[0] * 255
        # the library smooths the colours as it enlarges them
        assert float((ours - theirs).abs().mean()) < 2.5

    def test_the_cosine_transform_is_orthonormal(self):
        assert torch.allclose(cosines() @ cosines().T, torch.eye(8).double(), atol=1e-12)

    @pytest.mark.parametrize("shape", ODD)
    @pytest.mark.parametrize("subsampling", ["444", "420"])
    def test_its_adjoint_is_the_transpose_at_any_size(self, shape, subsampling):
        A = JPEG(30, subsampling=subsampling, image_shape=shape)
        assert isinstance(A, LinearOperator)
        x, y = random(2, *shape), random(2, *A.out_shape, seed=1)
        gap = (A(x) * y).sum() - (x * A.adjoint(y)).sum()
        assert abs(float(gap)) < 1e-10 * max(1.0, float((A(x) * y).sum().abs()))

    def test_the_likelihood_is_that_of_the_interval_of_each_coefficient(self):
        A = JPEG(30, image_shape=(3, 16, 16), noise=GaussianNoise(0.05))
        x = random(2, 3, 16, 16)
        y = measured(A, x)
        steps = A.sensor.step
        codes = (y - A.sensor.zero) / steps
        assert torch.allclose(codes, codes.round(), atol=1e-9)
        ends = [stats.norm.cdf((y + s * steps / 2 - A(x)) / 0.05) for s in (1, -1)]
        expected = np.log(ends[0] - ends[1]).sum(1)
        assert np.allclose(A.log_likelihood(y, x), expected, rtol=1e-6)

    def test_a_decoded_picture_is_a_measurement(self):
        x = invprob.datasets.faces(1).double()
        A = JPEG(30, subsampling="444", image_shape=(3, 64, 64), noise=NoNoise())
        y = measured(A, x)
        again = A.from_picture(A.observed(y))
        # what decodes to less than black or more than white is lost
        assert float((again - y).ne(0).double().mean()) < 0.01


def test_the_noise_of_a_composition_is_that_of_its_last_part():
    blur, quantize = Blur(sigma=1, image_shape=(3, 12, 12)), Quantize(2, image_shape=(3, 12, 12))
    A = compose([blur, quantize], GaussianNoise(0.1))
    assert isinstance(A.noise, RecordedNoise)
    x = random(2, 3, 12, 12)
    y = measured(A, x)
    assert torch.equal(y, quantize.sensor.record(y))
    alone = quantize.with_noise(GaussianNoise(0.1))
    assert torch.equal(A.log_likelihood(y, x), alone.log_likelihood(y, blur(x)))
    # what a composition was given stays that of the noise before the sensor
    for again in (A.with_noise(A.noise), compose([blur, alone]), compose([A], A.noise)):
        assert torch.equal(again.log_likelihood(y, x), A.log_likelihood(y, x))
    assert isinstance(A.with_noise(NoNoise()).noise.before, NoNoise)


def test_a_sensor_made_in_python_solves_as_one_made_from_text():
    x = invprob.datasets.faces(1)
    A = Clip(gain=1.5, image_shape=(3, 64, 64), noise=GaussianNoise(0.05))
    found = [
        invprob.solve(x, solver="dps:steps=2", operator=o, noise=n)
        for o, n in ((A, None), ("clip:gain=1.5", "gaussian:sigma=0.05"))
    ]
    assert torch.equal(found[0].mean, found[1].mean)


def test_one_bit_of_compressed_sensing_knows_its_likelihood():
    shape = (1, 8, 8)
    A = compose(
        [Compressed(m=30, image_shape=shape), Quantize(1, low=-1, high=1, image_shape=(30,))],
        GaussianNoise(0.2),
    )
    x = random(2, *shape)
    y = measured(A, x)
    assert set(y.unique().tolist()) == {-1.0, 1.0}
    expected = stats.norm.logcdf(y * A(x) / 0.2).sum(1)
    assert np.allclose(A.log_likelihood(y, x), expected)


@pytest.mark.parametrize("text", ["clip|blur", "quantize|superres", "clip|quantize"])
def test_nothing_stands_behind_a_sensor(text):
    with pytest.raises(Incompatible, match="stands behind it"):
        operator(text)
    with pytest.raises(Incompatible, match="put jpeg last"):
        compose([JPEG(image_shape=(1, 8, 8)), Quantize(image_shape=(64,))])


@pytest.mark.parametrize("text", ["clip", "quantize", "jpeg", "blur|quantize"])
def test_other_noises_before_a_sensor_are_refused(text):
    with pytest.raises(Incompatible, match="Gaussian noise, and the noise is PoissonNoise"):
        operator(text).with_noise(PoissonNoise(0.1))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("clip:gain=0", "greater than 0"),
        ("clip:low=2", "not below high=1"),
        ("quantize:bits=0", "greater than or equal to 1"),
        ("quantize:bits=3.5", "whole number"),
        ("quantize:dither=2", "less than or equal to 1"),
        ("jpeg:quality=0", "greater than or equal to 1"),
        ("jpeg:quality=101", "less than or equal to 100"),
        ("jpeg:subsampling=422", "420"),
        ("hadamard|jpeg", "takes a picture"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(text, says):
    with pytest.raises(InvprobError) as caught:
        operator(text)
    assert says in caught.value.message
    assert "\n" not in caught.value.message
