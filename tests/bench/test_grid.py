"""Which pictures a suite has, and at which size."""

import pytest
from PIL import Image

from invprob.bench import grid
from invprob.bench.suite import Suite
from invprob.config.registry import registry
from invprob.errors import BadInput


@pytest.fixture
def shapes(tmp_path):
    """The shapes of the pictures of a suite of two methods, with changes."""
    for width, height in ((12, 16), (20, 12)):
        Image.new("RGB", (width, height)).save(tmp_path / f"{width}.png")
    table = {"images": ["12.png", "20.png"], "operators": ["identity"]}

    def shapes(*solvers, **changes):
        table["method"] = [{"solver": solver} for solver in solvers]
        suite = Suite.model_validate({**table, **changes})
        found = grid.cells(suite, tmp_path, tmp_path / "measurements", registry())
        return [tuple(cell.measured.read()[0].shape) for cell in found]

    return shapes


def test_pictures_keep_their_sizes_where_every_method_takes_any(shapes):
    assert shapes("pnp", "tv") == 2 * [(3, 16, 12)] + 2 * [(3, 12, 20)]


def test_a_framing_makes_all_pictures_as_large_as_the_first(shapes):
    assert shapes("tv", crop=True, resize=True) == 2 * [(3, 16, 12)]


def test_a_method_of_one_size_asks_for_it(shapes):
    assert shapes("tv", "gaussian", crop=True, resize=True) == 4 * [(3, 64, 64)]
    with pytest.raises(BadInput, match="64×64"):
        shapes("tv", "gaussian")
