import math

import pytest
import torch
from torch.nn import functional as F

from invprob import seeds
from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.errors import BadInput, BadParams, Incompatible, InvprobError
from invprob.io import images
from invprob.operator import LinearOperator, compose
from invprob.params import Spec
from invprob_basics import holes

DTYPE = torch.float64
SHAPES = [(3, 16, 16), (1, 16, 16), (3, 12, 20)]
SPECS = [
    "identity",
    "inpaint:keep=0.3",
    "inpaint:box=4x6",
    "inpaint:box=4x6,at=0x2",
    "inpaint:half=left",
    "inpaint:half=bottom",
    "inpaint:scratches=2",
    "superres:factor=4",
    "superres:factor=2,kernel=average",
    "blur:sigma=1",
    "blur:sigma=1,boundary=circular",
    "blur:motion=5,angle=30",
    "colorize",
    "compressed:m=20",
    "compressed:matrix=gaussian,ratio=0.1",
    "blur:sigma=1|superres:factor=2",
    "superres:factor=2|inpaint:keep=0.5",
    "blur:sigma=1|compressed:m=30",
]


def operator(text, shape=(3, 16, 16), seed=0):
    chain = []
    for spec in Experiment.parse({"operator": text}).operator:
        entry = registry().find("operator", spec.name)
        params = entry.params().parse(spec.params, f"operator {spec.name}")
        chain.append(entry.load()(params, shape, seed))
        shape = chain[-1].out_shape
    return compose(chain)


def noise(shape, seed):
    return torch.randn(shape, generator=seeds.stream("test", seed), dtype=torch.float64)


def applicable(text, shape):
    return not (shape[0] == 1 and "colorize" in text)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("text", SPECS)
class TestEveryLinearOperator:
    @pytest.fixture
    def A(self, text, shape, device):
        if not applicable(text, shape):
            pytest.skip("luma of a grey image is the image")
        return operator(text, shape).to(device)

    @pytest.fixture
    def batch(self, device, dtype):
        """Normal numbers of a shape and a seed."""
        return lambda shape, seed: noise(shape, seed).to(device, dtype)

    @pytest.fixture
    def within(self, dtype):
        """A bound for double precision, or that of the precision that is asked for."""
        return lambda bound: bound if dtype == torch.float64 else 1e-4

    def test_the_adjoint_is_the_adjoint(self, A, batch, within):
        assert isinstance(A, LinearOperator)
        x, y = batch((2, *A.in_shape), 1), batch((2, *A.out_shape), 2)
        left, right = (A(x) * y).sum(), (x * A.adjoint(y)).sum()
        assert abs(left - right) <= within(1e-10) * max(1.0, abs(left))

    def test_the_adjoint_is_the_default_one(self, A, batch, within):
        y = batch((2, *A.out_shape), 3)
        assert torch.allclose(A.adjoint(y), LinearOperator.adjoint(A, y), atol=within(1e-10))

    def test_the_pseudo_inverse_solves(self, A, batch, within):
        x = batch((2, *A.in_shape), 4)
        y = A(x)
        again = A.pinv(y)
        # a blur with mirror borders has singular values down to 1e-6: CGLS gets within 1e-3
        assert float((A(again) - y).norm()) <= 1e-3 * float(y.norm())
        # of least norm: no part of it lies in the null space
        assert float(again.norm()) <= float(x.norm()) * (1 + within(1e-6))

    def test_rows_of_a_batch_are_independent(self, A, batch, within):
        x = batch((3, *A.in_shape), 5)
        assert torch.allclose(A(x)[1:2], A(x[1:2]), atol=within(1e-12))

    def test_it_runs_in_single_precision(self, A, device):
        x = noise((2, *A.in_shape), 6).to(device)
        assert A(x.float()).dtype == torch.float32
        assert torch.allclose(A(x.float()).double(), A(x), atol=1e-4)
        assert A(x).shape[1:] == A.out_shape


@pytest.mark.parametrize(
    "text", ["inpaint:keep=0.3", "compressed:m=9", "compressed:matrix=gaussian"]
)
def test_the_seed_draws_the_operator(text):
    x = noise((1, 3, 16, 16), 7)
    assert torch.equal(operator(text, seed=1)(x), operator(text, seed=1)(x))
    assert not torch.equal(operator(text, seed=1)(x), operator(text, seed=2)(x))


def test_circulant_is_the_matrix_of_the_paper():
    A = operator("compressed:m=10", (1, 4, 5))
    n = 20
    M = A.matrix
    transfer = torch.view_as_complex(M.transfer)
    f = torch.fft.ifft(transfer).real
    circulant = torch.stack([f.roll(k) for k in range(n)], 1)
    expected = circulant[M.rows] @ torch.diag(M.signs)
    x = noise((3, 1, 4, 5), 8)
    assert torch.allclose(A(x), x.flatten(1) @ expected.T, atol=1e-12)
    assert sorted(M.signs.unique().tolist()) == [-1, 1]
    assert len(M.rows.unique()) == 10


@pytest.mark.parametrize("matrix", ["circulant", "gaussian"])
def test_rows_of_random_matrices_have_unit_norm_on_average(matrix):
    A = operator(f"compressed:matrix={matrix},m=200", (1, 16, 16))
    rows = A.adjoint(torch.eye(200, dtype=torch.float64)).flatten(1).square().sum(1)
    assert float(rows.mean()) == pytest.approx(1, abs=0.2)


def test_bicubic_is_that_of_torch_away_from_the_border():
    x = noise((1, 3, 32, 32), 9)
    ours = operator("superres:factor=4", (3, 32, 32))(x)
    theirs = F.interpolate(x, scale_factor=0.25, mode="bicubic", antialias=True)
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_blurring_a_point_gives_the_kernel():
    A = operator("blur:sigma=1", (1, 17, 17))
    x = torch.zeros(1, 1, 17, 17, dtype=torch.float64)
    x[0, 0, 8, 8] = 1
    line = torch.exp(-0.5 * torch.arange(-4.0, 5.0, dtype=torch.float64) ** 2)
    kernel = torch.outer(line, line) / line.sum() ** 2
    assert torch.allclose(A(x)[0, 0, 4:13, 4:13], kernel, atol=1e-12)


def test_a_motion_of_zero_degrees_runs_along_the_row():
    kernel = operator("blur:motion=5", (1, 17, 17)).kernel
    assert float(kernel.sum()) == pytest.approx(1)
    middle = kernel.shape[0] // 2
    assert float(kernel[middle].sum()) == pytest.approx(1)


def test_a_kernel_file_is_used_as_a_convolution(tmp_path):
    import numpy

    kernel = numpy.array([[0, 0, 0], [0, 1, 3], [0, 0, 0]], dtype=float)
    numpy.save(tmp_path / "k.npy", kernel)
    A = operator(f"blur:kernel={tmp_path}/k.npy", (1, 8, 8))
    x = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    x[0, 0, 4, 4] = 1
    assert A(x)[0, 0, 4, 4:6].tolist() == [0.25, 0.75]


def test_keep_is_an_exact_count():
    assert operator("inpaint:keep=0.1", (3, 64, 64)).out_shape == (3 * 410,)


def test_scratches_are_thin_lines_of_their_seed():
    found = [holes.scratched((60, 90), 5, seed) for seed in (0, 0, 1)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert 0.01 < float(found[0].double().mean()) < 0.2
    fat = torch.nn.functional.avg_pool2d(found[0][None].double(), 7, 1)
    assert float(fat.max()) < 1  # no hole as wide as 7 pixels


def test_a_mask_file_measures_its_light_pixels(tmp_path):
    picture = torch.zeros(1, 16, 16)
    picture[:, 3, 5] = 1
    images.write_png(tmp_path / "m.png", picture)
    A = operator(f"inpaint:mask={tmp_path}/m.png")
    x = noise((1, 3, 16, 16), 10)
    assert torch.equal(A(x), x[:, :, 3, 5])


def test_a_picture_becomes_a_measurement():
    x = torch.rand(1, 3, 16, 16)
    for text in ("inpaint:keep=0.3", "superres:factor=2", "colorize"):
        A = operator(text)
        y = A(x)
        assert torch.allclose(A.from_picture(A.observed(y)), y, atol=1e-5)
    with pytest.raises(BadInput, match="cannot be a measurement"):
        operator("compressed").from_picture(x)
    with pytest.raises(BadInput, match="16×16 pixels"):
        operator("superres:factor=2").from_picture(x)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("inpaint:keep=0", "greater than 0"),
        ("inpaint:keep=1.5", "less than or equal to 1"),
        ("inpaint:keep=0.001", "keeps none"),
        ("inpaint:keep=0.1,half=left", "exactly one"),
        ("inpaint:half=middle", "left"),
        ("inpaint:scratches=0", "greater than or equal to 1"),
        ("inpaint:scratches=1000", "no measured pixel"),
        ("inpaint:box=99x2", "not within"),
        ("inpaint:box=ten", "box"),
        ("inpaint:keep=0.1,at=2x2", "no box"),
        ("inpaint:box=16x16", "no measured pixel"),
        ("inpaint:mask=/no/such/file.png", "no"),
        ("superres:factor=3", "does not divide 16×16"),
        ("superres:factor=2.5", "whole number"),
        ("blur:sigma=1,motion=3", "exactly one"),
        ("blur:sigma=9", "too large"),
        ("compressed:m=9999", "9999 measurements"),
        ("compressed:m=5,ratio=0.1", "exactly one"),
        ("compressed:matrix=diagonal", "circulant"),
        ("identity:strength=1", "no such parameter"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(text, says):
    with pytest.raises(InvprobError) as caught:
        operator(text)
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_masks_of_another_size_or_without_light_are_refused(tmp_path):
    images.write_png(tmp_path / "small.png", torch.ones(1, 8, 9))
    with pytest.raises(BadInput, match="9×8 pixels, the image 16×16"):
        operator(f"inpaint:mask={tmp_path}/small.png")
    images.write_png(tmp_path / "dark.png", torch.zeros(1, 16, 16))
    with pytest.raises(BadInput, match="no measured pixel"):
        operator(f"inpaint:mask={tmp_path}/dark.png")


def test_grey_images_cannot_be_colorized():
    with pytest.raises(Incompatible, match="3 channels"):
        operator("colorize", (1, 16, 16))


def test_a_huge_gaussian_matrix_is_refused():
    with pytest.raises(BadParams, match="GiB"):
        operator("compressed:matrix=gaussian,ratio=0.5", (3, 256, 256))


def test_a_composition_shows_and_reads_its_last_picture():
    A = operator("blur:sigma=1|superres:factor=2")
    y = A(torch.rand(1, 3, 16, 16))
    assert A.observed(y).shape == (1, 3, 8, 8)
    assert torch.equal(A.from_picture(y), y)


def test_a_spec_of_a_composition_is_split():
    specs = Experiment.parse({"operator": "blur:sigma=2|superres:factor=2"}).operator
    assert specs == (Spec.model_validate("blur:sigma=2"), Spec.model_validate("superres:factor=2"))
    assert math.prod(operator("identity").out_shape) == 768
