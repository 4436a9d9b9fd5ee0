"""The shape of the image behind a measurement that is given as numbers."""

import pytest
import torch

import invprob
from invprob.errors import InvprobError


@pytest.mark.parametrize(
    ("operator", "shape"),
    [
        ("radon:angles=20", (3, 20, 48)),
        ("phase", (3, 1, 32, 32)),
        ("fourier", (2, 3, 200)),
        ("hadamard", (2, 3, 200)),
    ],
)
def test_a_measurement_that_does_not_tell_the_size_of_the_image_is_refused(operator, shape):
    with pytest.raises(InvprobError, match="size of the image is not known") as error:
        invprob.solve(torch.rand(shape), operator=operator, solver="tv:steps=1")
    assert "resize" not in error.value.hint


def test_a_sinogram_is_not_resized():
    with pytest.raises(InvprobError, match="has the shape") as error:
        invprob.solve(
            torch.rand(3, 20, 48), operator="radon:angles=20", generator="stylegan2", solver="csgm"
        )
    assert "resize" not in error.value.hint


@pytest.mark.parametrize(
    ("operator", "measured", "image"),
    [
        ("demosaic", (1, 8, 8), (3, 8, 8)),
        ("grey", (1, 8, 8), (3, 8, 8)),
        ("grey:weights=0.5,0.5", (1, 8, 8), (2, 8, 8)),
        ("pad:margin=2x1", (3, 8, 8), (3, 4, 6)),
    ],
)
def test_the_image_behind_a_picture_has_the_shape_that_its_operator_takes(
    operator, measured, image
):
    y = torch.full(measured, 0.5)
    if operator.startswith("pad"):
        y[:, :2] = y[:, -2:] = y[:, :, :1] = y[:, :, -1:] = 0
    found = invprob.solve(y, operator=operator, solver="tv:steps=1")
    assert found.mean.shape[1:] == image
