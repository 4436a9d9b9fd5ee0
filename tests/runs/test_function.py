"""Functions of images as operators."""

import pytest
import torch

from invprob.errors import BadInput
from invprob.runs.function import FunctionOperator

SHAPE = (1, 4, 4)


def test_complex_numbers_are_refused():
    with pytest.raises(BadInput, match="complex numbers") as error:
        FunctionOperator(torch.fft.fft2, SHAPE)
    assert "view_as_real" in error.value.hint


@pytest.mark.parametrize("function", [lambda x: x.double(), lambda x: (255 * x).int()])
def test_measurements_have_the_precision_of_the_image(function):
    assert FunctionOperator(function, SHAPE)(torch.rand(2, *SHAPE)).dtype == torch.float32


@pytest.mark.parametrize("function", [lambda x: 2 * x.detach(), lambda x: (255 * x).int()])
def test_an_operator_without_a_gradient_is_refused_where_one_is_needed(function):
    x = torch.rand(2, *SHAPE, requires_grad=True)
    with pytest.raises(BadInput, match="needs a gradient"):
        FunctionOperator(function, SHAPE)(x)
