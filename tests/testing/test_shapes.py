"""An operator is tried on images that are not square, unless it refuses them."""

import pytest

from invprob.config.registry import Registry
from invprob.errors import BadInput
from invprob.testing.target import cases
from tests.testing.sound import Operator, entry


class Square(Operator):
    def __init__(self, params, in_shape, seed):
        if in_shape[1] != in_shape[2]:
            raise BadInput(f"images are {in_shape}, not square", "crop them")
        super().__init__(params, in_shape, seed)


class Grey(Operator):
    def __init__(self, params, in_shape, seed):
        if in_shape[0] != 1:
            raise BadInput(f"images have {in_shape[0]} channels, not 1", "give grey ones")
        super().__init__(params, in_shape, seed)


@pytest.mark.parametrize(
    ("target", "shape"), [(Operator, (3, 8, 12)), (Grey, (1, 10, 8)), (Square, (3, 8, 8))]
)
def test_the_first_shape_that_it_accepts(target, shape):
    (case,) = cases(entry("operator", target), Registry())
    assert case.make().in_shape == shape
