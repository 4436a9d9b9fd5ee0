import pytest
import torch

from invprob import seeds
from invprob.analysis import metrics
from invprob.bench import sample_means

SHAPE = (1, 32, 32)


def samples(count, spread=0.05, bias=0.03):
    truth = torch.full(SHAPE, 0.5)
    noise = torch.randn(count, *SHAPE, generator=seeds.stream("samples"))
    return truth + bias + spread * noise, truth


def test_a_finite_number_of_samples_is_corrected():
    found, truth = samples(16)
    made = sample_means.quality(found, truth)

    def expected(count):
        return -10 * torch.tensor(0.03**2 + 0.05**2 / count).log10()

    assert made["psnr_mean_4"] == pytest.approx(float(expected(4)), abs=0.1)
    assert made["psnr_mean_16"] == pytest.approx(float(expected(16)), abs=0.2)
    assert made["psnr_mean_inf"] == pytest.approx(float(expected(1e9)), abs=0.2)
    whole = metrics.psnr(found.mean(0, keepdim=True), truth[None])
    assert made["psnr_mean_16"] == pytest.approx(float(whole))


def test_what_few_samples_cannot_say_is_left_out():
    found, truth = samples(3, bias=0.0)
    assert set(sample_means.quality(found[:1], truth)) == set()
    assert "psnr_mean_4" not in sample_means.quality(found, truth)


def test_samples_of_the_truths_distribution_cover_it_as_often_as_they_should():
    rng = seeds.stream("coverage")
    found = torch.randn(9, 1, 200, 200, generator=rng)
    truth = torch.randn(1, 200, 200, generator=rng)
    assert sample_means.range_coverage(found, truth) == pytest.approx(0, abs=0.01)
    assert sample_means.range_coverage(0.5 * found, truth) < -0.1
