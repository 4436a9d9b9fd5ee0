"""The noise of a measurement, estimated: how near it comes on smooth and textured pictures."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from invprob import seeds
from invprob.errors import BadInput
from invprob_basics import Blur, noise_level

SIDE = 160


def picture(channels: int = 3) -> Tensor:
    """A sky, discs with sharp edges, and meadows of fine grain in a third of it."""
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    tint = torch.tensor([0.9, 0.7, 0.5])[:, None, None]
    image = (0.3 + 0.4 * rows / SIDE) * tint
    for row, column, radius, shade in (
        (40, 110, 25, 0.6),
        (100, 90, 30, 0.15),
        (120, 130, 12, 0.8),
    ):
        inside = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        image = torch.where(inside, shade * tint.flip(0), image)
    grain = torch.randn((2, 1, SIDE, SIDE), generator=seeds.stream(3))
    kernel = torch.tensor([0.25, 0.5, 0.25])
    soft = F.conv2d(F.conv2d(grain, kernel[None, None, None]), kernel[None, None, :, None])
    meadow = F.pad(0.25 * soft[:, 0], (1, 1, 1, 1))
    both = meadow[0] + torch.tensor([0.3, 0.0, -0.3])[:, None, None] * meadow[1]
    image = torch.where(columns < SIDE // 3, image + both, image).clamp(0.05, 0.95)
    return image if channels == 3 else image.mean(0, keepdim=True)


def noisy(image: Tensor, sigma: float) -> Tensor:
    return image + sigma * torch.randn(image.shape, generator=seeds.stream(5))


ALL = torch.ones((SIDE, SIDE), dtype=torch.bool)


@pytest.mark.parametrize("sigma", [0.01, 0.03, 0.1, 0.2])
@pytest.mark.parametrize("channels", [3, 1])
def test_whole_pictures(channels: int, sigma: float) -> None:
    found = noise_level.estimate(noisy(picture(channels), sigma), ALL)
    assert found == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("sigma", [0.01, 0.1])
def test_eight_bits_that_clip(sigma: float) -> None:
    y = (noisy(picture(), sigma).clamp(0, 1) * 255).round() / 255
    assert noise_level.estimate(y, ALL) == pytest.approx(sigma, rel=0.15)
    white = y.clone()
    white[:, :60] = 1.0  # a sky that is blown out shows no noise
    assert noise_level.estimate(white, ALL) == pytest.approx(sigma, rel=0.15)


@pytest.mark.parametrize("sigma", [0.01, 0.1])
def test_blurred_pictures(sigma: float) -> None:
    blurred = Blur(sigma=1.5, image_shape=(3, SIDE, SIDE))(picture()[None])[0]
    assert noise_level.estimate(noisy(blurred, sigma), ALL) == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("sigma", [0.01, 0.1])
@pytest.mark.parametrize("keep", [0.95, 0.7, 0.4])
def test_masked_pictures(keep: float, sigma: float) -> None:
    known = torch.rand((SIDE, SIDE), generator=seeds.stream(7)) < keep
    y = torch.where(known, noisy(picture(), sigma), 0.5)
    assert noise_level.estimate(y, known) == pytest.approx(sigma, rel=0.15)


def test_a_picture_without_noise_has_that_of_its_rounding() -> None:
    ramp = torch.linspace(0.1, 0.9, SIDE).expand(3, SIDE, SIDE)
    assert noise_level.estimate(ramp, ALL) == noise_level.ROUNDING


@pytest.mark.parametrize(("channels", "keep"), [(3, 0.1), (1, 0.5)])
def test_too_few_neighbours_are_refused(channels: int, keep: float) -> None:
    known = torch.rand((SIDE, SIDE), generator=seeds.stream(7)) < keep
    with pytest.raises(BadInput, match=r"cannot be estimated: .* % of 160×160 pixels are measured"):
        noise_level.estimate(noisy(picture(channels), 0.1), known)
    tiny = torch.full((3, 4, 4), 0.5)
    with pytest.raises(BadInput, match="too few of them side by side"):
        noise_level.estimate(tiny, torch.ones((4, 4), dtype=torch.bool))
