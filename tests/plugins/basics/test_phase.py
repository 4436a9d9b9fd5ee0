"""Phase retrieval: what is measured, its slope, and what it cannot tell apart."""

import numpy as np
import pytest
import torch

import invprob
from invprob import seeds
from invprob.analysis import metrics
from invprob.errors import InvprobError
from invprob_basics import GaussianNoise, Phase
from tests.plugins.basics.test_operators import operator

SHAPES = [(3, 9, 7), (1, 8, 8), (3, 5, 16)]


def random(*shape, seed=0):
    return torch.rand(shape, generator=seeds.stream("phase test", seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "text", ["phase", "phase:oversampling=1.5", "phase:masks=3,oversampling=1"]
)
class TestEveryPhase:
    def test_it_measures_the_magnitudes_of_the_padded_image(self, text, shape):
        A = operator(text, shape)
        x = random(2, *shape)
        masks = np.exp(1j * A.angles.numpy())
        _, k, height, width = A.out_shape
        expected = np.abs(np.fft.fft2(masks * x[:, :, None].numpy(), s=(height, width)))
        assert A(x).shape == (2, shape[0], k, height, width)
        assert np.allclose(A(x), expected / np.sqrt(height * width), atol=1e-12)
        # a transform that keeps lengths
        assert torch.allclose(A(x).square().sum((3, 4)), x.square().sum((2, 3))[:, :, None])

    def test_its_slope_is_that_of_the_formula(self, text, shape):
        A = operator(text, shape)
        x, w = random(2, *shape), random(2, *A.out_shape, seed=1)
        (found,) = torch.func.vjp(A, x)[1](w)
        # Jᵀw = Re m̄ F*(w z/|z|), cut to the image
        mask = torch.polar(torch.ones_like(A.angles), A.angles)
        z = torch.fft.fft2(mask * x[:, :, None], s=A.size, norm="ortho")
        back = torch.fft.ifft2(w * z / z.abs(), norm="ortho")[..., : shape[1], : shape[2]]
        expected = (mask.conj() * back).real.sum(2)
        assert float((found - expected).abs().max()) < 1e-10

    def test_the_likelihood_is_that_of_the_noise(self, text, shape):
        A = operator(text, shape).with_noise(GaussianNoise(0.05))
        x = random(2, *shape)
        y = A.measure(x, [seeds.stream(k) for k in range(2)])
        expected = torch.distributions.Normal(A(x), 0.05).log_prob(y).flatten(1).sum(1)
        at_best = torch.distributions.Normal(y, 0.05).log_prob(y).flatten(1).sum(1)
        assert torch.allclose(A.log_likelihood(y, x), expected - at_best)

    def test_what_is_shown_is_a_picture(self, text, shape):
        seen = operator(text, shape).observed(operator(text, shape)(random(2, *shape)))
        assert seen.dim() == 4
        assert float(seen.max()) == pytest.approx(1)
        assert float(seen.min()) >= 0


def test_magnitudes_without_masks_do_not_know_turns_and_shifts():
    A = operator("phase", (3, 8, 8))
    x = torch.zeros(1, 3, 8, 8).double()
    x[:, :, 1:5, 2:6] = random(1, 3, 4, 4)
    others = [x.flip(2, 3), x.roll((2, 1), (2, 3)), x.flip(2, 3).roll((-1, 1), (2, 3)), -x]
    mixed = torch.cat([x[:, :1], x.flip(2, 3)[:, 1:]], 1)
    for other in (*others, mixed):
        assert torch.allclose(A(other), A(x), atol=1e-12)
        assert not torch.allclose(other, x)
    coded = operator("phase:masks=2,oversampling=1", (3, 8, 8))
    for other in (*others[:3], mixed):
        assert not torch.allclose(coded(other), coded(x), atol=1e-2)


def test_the_operator_says_what_it_cannot_tell_and_a_run_compares_up_to_it():
    assert operator("phase").symmetric
    assert operator("phase|quantize:bits=8").symmetric
    assert not operator("phase:masks=2").symmetric
    assert not operator("blur").symmetric
    x = invprob.datasets.faces(1)
    found = [
        invprob.solve(truth=x, solver="dps:steps=1", operator=text, num_samples=2).metrics[0]
        for text in ("phase", "phase:masks=2,oversampling=1")
    ]
    assert found[0]["psnr_aligned_mean"] >= found[0]["psnr_mean"] - 1e-3
    assert "psnr_aligned_sample" in found[0]
    assert "psnr_aligned_mean" not in found[1]


def test_the_aligned_psnr_knows_turns_shifts_and_the_sign():
    truth = random(2, 3, 9, 8)
    noisy = truth + 0.03 * torch.randn(truth.shape, generator=seeds.stream(1), dtype=torch.float64)
    plain = metrics.psnr(noisy, truth)
    moved = noisy.flip(2, 3).roll((3, -2), (2, 3))
    moved[:, 1] = noisy[:, 1].roll((1, 5), (1, 2))
    assert torch.allclose(metrics.psnr_aligned(moved, truth), plain, atol=1e-6)
    assert bool((metrics.psnr(moved, truth) < 15).all())
    # it is at least the plain one, and the mirror image is another picture
    assert bool((metrics.psnr_aligned(noisy, truth) >= plain - 1e-6).all())
    assert bool((metrics.psnr_aligned(noisy.flip(2), truth) < 15).all())
    centred = truth - 0.5
    assert bool((metrics.psnr_aligned(-centred.roll(2, 3), centred, signed=True) > 100).all())
    assert torch.equal(metrics.psnr_aligned(truth, truth), torch.full((2,), 120.0).double())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("phase:oversampling=0.5", "greater than or equal to 1"),
        ("phase:masks=-1", "greater than or equal to 0"),
        ("hadamard|phase", "takes a picture"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(text, says):
    with pytest.raises(InvprobError) as caught:
        operator(text)
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_too_many_magnitudes_are_refused():
    with pytest.raises(InvprobError, match="magnitudes of 4096×4096 pixels"):
        Phase(oversampling=16, image_shape=(3, 4096, 4096))
