"""Operators of cameras and scanners: their matrices against those written down another way."""

import math

import pytest
import torch
from scipy import linalg

from invprob import seeds
from invprob.errors import BadParams, Incompatible, InvprobError
from invprob.operator import LinearOperator, compose
from invprob_basics import (
    Crop,
    Demosaic,
    Fourier,
    GaussianNoise,
    Grey,
    Hadamard,
    Pad,
    PoissonNoise,
    Radon,
)
from invprob_basics.hadamard import sequency, transform
from tests.plugins.basics.test_operators import operator

SHAPES = [(3, 9, 7), (3, 8, 8), (3, 5, 16)]
SPECS = [
    "grey",
    "grey:weights=0.5,-0.25,1",
    "crop",
    "crop:size=3x5,at=1x0",
    "pad:margin=2x3",
    "pad:margin=0x1",
    "demosaic",
    "demosaic:pattern=GBRG",
    "hadamard:ratio=0.4",
    "hadamard:ratio=1,order=random",
    "fourier:acceleration=2",
    "fourier:acceleration=3,mask=radial",
    "fourier:acceleration=3,mask=random",
    "fourier:acceleration=1",
    "radon:angles=7",
    "radon:angles=5,range=90",
    "grey|hadamard:ratio=0.5",
    "pad:margin=1x2|fourier",
    "crop|radon:angles=4",
]


def random(*shape, seed=0):
    return torch.randn(shape, generator=seeds.stream("imaging", seed), dtype=torch.float64)


def matrix(A):
    """A column for each pixel."""
    n = math.prod(A.in_shape)
    return A(torch.eye(n, dtype=torch.float64).reshape(n, *A.in_shape)).flatten(1).T


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("text", SPECS)
class TestEveryOperator:
    @pytest.fixture
    def A(self, text, shape):
        return operator(text, shape)

    def test_the_adjoint_is_the_transpose(self, A):
        assert isinstance(A, LinearOperator)
        x, y = random(2, *A.in_shape), random(2, *A.out_shape, seed=1)
        assert float(((A(x) * y).sum() - (x * A.adjoint(y)).sum()).abs()) < 1e-10
        assert torch.allclose(A.adjoint(y), LinearOperator.adjoint(A, y), atol=1e-10)

    def test_the_pseudo_inverse_is_that_of_the_matrix(self, A):
        y = A(random(2, *A.in_shape, seed=2))
        expected = torch.linalg.lstsq(matrix(A), y.flatten(1).T, driver="gelsd").solution.T
        found = A.pinv(y)
        assert torch.allclose(A(found), y, atol=1e-5)
        assert float(found.norm()) <= float(expected.norm()) * (1 + 1e-5)

    @pytest.mark.parametrize("weights", ["one a row", "one an entry"])
    def test_prox_solves_its_system(self, A, weights):
        M, z, y = matrix(A), random(2, *A.in_shape, seed=3), random(2, *A.out_shape, seed=4)
        gamma = torch.tensor([0.3, 20.0]).double().reshape(-1, *[1] * (y.dim() - 1))
        if weights == "one an entry":
            gamma = gamma * (0.5 + random(*y.shape, seed=5).square())
        g = gamma.expand_as(y).flatten(1)
        eye = torch.eye(M.shape[1], dtype=torch.float64)
        for b in range(2):
            left = eye + M.T @ (g[b, :, None] * M)
            right = z[b].flatten() + M.T @ (g[b] * y[b].flatten())
            expected = torch.linalg.solve(left, right)
            found = A.prox(z, y, gamma)[b].flatten()
            # the conjugate gradients of the base class stop at 1e-4
            assert torch.allclose(found, expected, atol=2e-3 * float(expected.abs().max()))

    def test_the_row_norm_is_that_of_the_matrix(self, A):
        if A.row_norm2 is not None:
            M = matrix(A)
            gram = A.row_norm2 * torch.eye(len(M), dtype=torch.float64)
            assert torch.allclose(M @ M.T, gram, atol=1e-12)

    def test_a_picture_of_a_measurement_is_shown(self, A):
        seen = A.observed(A(random(2, *A.in_shape).abs()))
        assert seen.dim() == 4
        assert seen.shape[1] in (1, 3)
        assert bool(seen.isfinite().all())


@pytest.mark.parametrize(
    "text", ["crop", "pad:margin=1x1", "demosaic", "grey", "hadamard:ratio=0.5", "fourier"]
)
def test_prox_is_exact_where_it_is_known(text):
    A = operator(text, (3, 8, 8))
    z, y = random(2, *A.in_shape, seed=3), random(2, *A.out_shape, seed=4)
    gamma = torch.tensor([0.3, 40.0]).double().reshape(-1, *[1] * (y.dim() - 1))
    x = A.prox(z, y, gamma)
    slope = x - z + A.adjoint(gamma * (A(x) - y))
    assert float(slope.abs().max()) < 1e-10


def test_grey_is_a_mean_or_a_response():
    x = torch.rand(2, 3, 5, 4).double()
    assert torch.allclose(Grey(image_shape=(3, 5, 4))(x), x.mean(1, keepdim=True))
    seen = Grey(weights=(0, 1, 0), image_shape=(3, 5, 4))(x)
    assert torch.equal(seen, x[:, 1:2])


def test_a_crop_is_a_window_and_shows_where_it_was():
    x = torch.rand(1, 3, 9, 7)
    A = Crop((3, 5), at=(1, 0), image_shape=(3, 9, 7))
    y = A(x)
    assert torch.equal(y, x[:, :, 1:4, 0:5])
    seen = A.observed(y)
    assert torch.equal(A.from_picture(seen), y)
    assert float(seen[0, 0, 8, 6]) == 0.5


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_the_mosaic_has_the_colours_of_its_pattern(pattern):
    A = Demosaic(pattern, image_shape=(3, 5, 7))
    x = torch.tensor([1.0, 2.0, 3.0])[None, :, None, None].expand(1, 3, 5, 7)
    mosaic = A(x)[0, 0]
    assert "".join("RGB"[int(v) - 1] for v in mosaic[:2, :2].flatten()) == pattern
    assert torch.equal(mosaic[:3, :4], mosaic[2:5, 2:6])
    picture = torch.rand(1, 3, 5, 7)
    assert torch.equal(A.from_picture(A.observed(A(picture))), A(picture))
    assert torch.equal(A.from_picture(A(picture)), A(picture))


@pytest.mark.parametrize("n", [1, 2, 8, 64])
def test_the_fast_transform_is_the_matrix_of_hadamard(n):
    H = torch.from_numpy(linalg.hadamard(n)).double()
    x = random(3, n)
    assert torch.allclose(transform(x), x @ H, atol=1e-12)
    changes = (H.diff(dim=1) != 0).sum(1)
    assert torch.equal(sequency(n), changes)


def test_the_first_pattern_measures_the_mean_and_all_of_them_the_image():
    x = torch.rand(2, 3, 8, 16).double()
    for order in ("low", "random"):
        A = Hadamard(1.0, order=order, image_shape=(3, 8, 16))
        assert torch.allclose(A(x)[:, :, 0], x.mean((2, 3)) * math.sqrt(128))
        assert torch.allclose(A.adjoint(A(x)), x)
    smooth = Hadamard(1 / 128, image_shape=(3, 8, 16))
    assert torch.allclose(smooth.observed(smooth(x)), x.mean((2, 3), keepdim=True).expand_as(x))


def test_fourier_measures_what_its_mask_keeps():
    x = torch.rand(2, 3, 9, 8).double()
    A = Fourier("random", acceleration=2, image_shape=(3, 9, 8))
    k = torch.fft.fft2(x, norm="ortho")[:, :, A.kept]
    assert torch.allclose(A(x), torch.cat([k.real, k.imag], 2))
    assert bool(A.kept[0, 0])
    assert int(A.kept.sum()) == 36


def test_the_masks_of_fourier_are_what_they_are_called():
    A = Fourier("cartesian", acceleration=4, center=0.1, image_shape=(1, 32, 64))
    columns = A.kept.any(0)
    assert torch.equal(A.kept, columns.expand(32, 64))
    assert int(columns.sum()) == 16
    nearest = torch.fft.fftfreq(64, 1 / 64).abs() <= 3
    assert bool(columns[nearest].all())
    other = Fourier("cartesian", acceleration=4, center=0.1, image_shape=(1, 32, 64), seed=1)
    assert not torch.equal(A.kept, other.kept)
    A = Fourier("radial", acceleration=4, center=0, image_shape=(1, 64, 64))
    assert int(A.kept.sum()) / 64**2 == pytest.approx(0.25, abs=0.02)
    assert torch.equal(A.kept[1:, 1:], A.kept[1:, 1:].flip(0, 1))


def test_a_projection_keeps_the_mass_and_at_right_angles_adds_columns_and_rows():
    x = torch.rand(2, 3, 9, 6).double()
    A = Radon(angles=2, image_shape=(3, 9, 6))
    y = A(x) * math.hypot(9, 6)
    assert torch.allclose(y.sum(3), x.sum((2, 3))[:, :, None].expand(2, 3, 2))
    first = (A.count - 6) / 2
    expected = x.sum(2)
    # bins are shifted by half a pixel where one number is odd and the other even
    if first != int(first):
        expected = (torch.nn.functional.pad(expected, (1, 1)).unfold(2, 2, 1)).mean(3)
    at = math.floor(first)
    assert torch.allclose(y[:, :, 0, at : at + expected.shape[2]], expected)


def test_a_turned_square_has_the_shadow_of_geometry():
    A = Radon(angles=4, image_shape=(1, 1, 1))
    # a unit square on its corner: a triangle of height √2 and half width 1/√2 over three bins
    row = A(torch.ones(1, 1, 1, 1).double())[0, 0, 1] * math.sqrt(2)
    middle = row.argmax()
    height, half = math.sqrt(2), 1 / math.sqrt(2)
    if A.count % 2:
        assert float(row[middle]) == pytest.approx(1 - (half - 0.5) ** 2 * 2, abs=1e-12)
    else:
        assert float(row[middle]) == pytest.approx(height * half / 2, abs=1e-12)
    assert float(row.sum()) == pytest.approx(1, abs=1e-12)


def test_a_disc_has_the_same_shadow_from_all_sides():
    side = 65
    r = torch.arange(side) - side // 2
    disc = ((r[:, None] ** 2 + r[None] ** 2) < 24.5**2).double()[None, None]
    A = Radon(angles=12, image_shape=(1, side, side))
    y = A(disc)[0, 0] * math.hypot(side, side)
    s = torch.arange(A.count) + 0.5 - A.count / 2
    chord = 2 * (24.5**2 - s.double().square()).clamp_min(0).sqrt()
    assert float((y - chord).abs().mean()) < 0.5
    assert float(y.max() - chord.max()) < 1.5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("grey:weights=1,2", "images have 3 channels"),
        ("grey:weights=0,0,0", "not all of them 0"),
        ("crop:size=20x2", "not within"),
        ("crop:size=2x2,at=15x0", "not within"),
        ("crop:size=big", "size"),
        ("pad:margin=0x0", "adds nothing"),
        ("demosaic:pattern=RGBG", "RGGB"),
        ("hadamard:ratio=0", "greater than 0"),
        ("hadamard:ratio=1e-4", "is not a pattern"),
        ("fourier:acceleration=0.5", "greater than or equal to 1"),
        ("fourier:acceleration=900,center=0", "keeps nothing"),
        ("fourier:mask=spiral", "radial"),
        ("radon:angles=0", "greater than or equal to 1"),
        ("radon:angles=9000000", "GiB"),
        ("hadamard|blur", "takes a picture"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(text, says):
    with pytest.raises(InvprobError) as caught:
        operator(text)
    assert says in f"{caught.value.message} {caught.value.hint}"
    assert "\n" not in caught.value.message


def test_grey_pictures_have_no_mosaic():
    with pytest.raises(Incompatible, match="3 channels"):
        Demosaic(image_shape=(1, 8, 8))


def test_a_composition_has_the_likelihood_of_the_noise_around_it():
    A = compose([Grey(image_shape=(3, 8, 8)), Radon(4, image_shape=(1, 8, 8))], PoissonNoise(0.1))
    x = torch.rand(2, 3, 8, 8).double()
    y = A.measure(x, [seeds.stream(k) for k in range(2)])
    assert torch.equal(A.log_likelihood(y, x), A.noise.log_prob(y, A(x)))
    A = A.with_noise(GaussianNoise(0.3))
    expected = -((y - A(x)) / 0.3).square().flatten(1).sum(1) / 2
    assert torch.allclose(A.log_likelihood(y, x), expected)


def test_values_of_constructors_are_checked():
    with pytest.raises(BadParams):
        Radon(angles=-1, image_shape=(1, 8, 8))
    assert Pad((1, 2), image_shape=(1, 4, 4)).out_shape == (1, 6, 8)
