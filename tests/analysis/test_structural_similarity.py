"""Our SSIM and MS-SSIM give the numbers of torchmetrics."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import invprob
from invprob.analysis import metrics, structural_similarity


def pairs(size: int, dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
    rng = torch.Generator().manual_seed(0)
    noise = torch.rand(2, 3, size, size + 3, generator=rng, dtype=dtype)
    ramp = torch.linspace(0, 1, size + 3, dtype=dtype).expand_as(noise)
    flat = torch.full_like(noise, 0.25)
    return [
        (noise, noise.flip(0)),
        (ramp, (ramp + 0.1 * noise).clamp(0, 1)),
        (ramp, 1 - ramp),
        (flat, flat + 0.01),
        (flat, (flat + 0.02 * noise).clamp(0, 1)),
    ]


@pytest.mark.parametrize("size", [6, 11, 64])
def test_ssim_is_that_of_torchmetrics(size: int) -> None:
    theirs = pytest.importorskip("torchmetrics.functional.image")
    # in double precision: in single, theirs is off by 1e-5 for flat images
    for x, y in pairs(size, torch.float64):
        expected = theirs.structural_similarity_index_measure(
            x, y, data_range=1.0, reduction="none"
        )
        assert float((structural_similarity.ssim(x, y) - expected).abs().max()) < 1e-6


def test_the_precision_of_images_does_not_matter() -> None:
    truth = invprob.datasets.faces()
    rng = torch.Generator().manual_seed(0)
    for noise in (0.0, 0.02, 0.1, 0.5):
        x = (truth + noise * torch.randn(truth.shape, generator=rng)).clamp(0, 1)
        found = structural_similarity.ssim(x, truth)
        assert found.dtype == torch.float32
        exact = structural_similarity.ssim(x.double(), truth.double())
        assert torch.allclose(found.double(), exact, rtol=0, atol=1e-7)


def test_ms_ssim_is_that_of_torchmetrics() -> None:
    theirs = pytest.importorskip("torchmetrics.functional.image")
    for x, y in pairs(180, torch.float64):
        found = structural_similarity.ms_ssim(x, y)
        for i in range(len(x)):
            one = theirs.multiscale_structural_similarity_index_measure(
                x[i : i + 1], y[i : i + 1], data_range=1.0
            )
            assert float((found[i] - one).abs()) < 1e-6


def test_an_image_and_itself_have_one() -> None:
    image = torch.rand(1, 1, 20, 30, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(structural_similarity.ssim(image, image), torch.ones(1))


def test_what_is_outside_of_the_range_is_clipped() -> None:
    image = torch.rand(1, 1, 20, 30, generator=torch.Generator().manual_seed(0))
    beyond = torch.where(image > 0.5, 1.5, image)
    assert torch.equal(metrics.ssim(beyond, image), metrics.ssim(beyond.clamp(0, 1), image))


def test_bands_of_rows_change_nothing(monkeypatch):
    x = torch.rand(2, 3, 40, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = (x + 0.1).clamp(0, 1)
    whole = structural_similarity.ssim(x, y)
    monkeypatch.setattr(structural_similarity, "BAND", 100)
    assert torch.allclose(structural_similarity.ssim(x, y), whole, rtol=1e-13)
