"""Components used from Python as they are, without an experiment, a run or a text."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
import torch

import invprob_basics
import invprob_csgm
import invprob_dps
import invprob_ilo
import invprob_sgilo
from invprob import seeds, tree
from invprob.config.registry import registry
from invprob.diffusion import samplers
from invprob.diffusion.params import SamplerParams
from invprob.errors import BadInput, BadParams, BadWeights, Incompatible, InvprobError
from invprob.noise import WhiteNoise
from invprob.operator import compose
from invprob.solver import Problem
from invprob_basics import (
    Blur,
    Colorize,
    Compressed,
    Gaussian,
    GaussianNoise,
    Identity,
    Inpaint,
    NoNoise,
    PoissonNoise,
    Sphere,
    Superres,
)
from invprob_basics.params import InpaintParams
from invprob_dps import PixelDiffusion
from invprob_ilo import L1Ball
from invprob_sgilo import LatentScore, StyleGAN2

SHAPE = (3, 16, 16)
PACKAGES = (invprob_basics, invprob_csgm, invprob_dps, invprob_ilo, invprob_sgilo)
EXPORTS = [(package, name) for package in PACKAGES for name in package.__all__]


def pictures(shape=SHAPE, count=2):
    return torch.rand((count, *shape), generator=seeds.stream("pictures"))


@pytest.fixture(scope="module")
def G():
    return StyleGAN2.pretrained("faces64")


class TestNetworks:
    def test_a_generator_alone(self, G):
        assert not G.training
        assert not any(p.requires_grad for p in G.parameters())
        z = G.sample(2, seeds.stream(0))
        whole = G(z)
        assert whole.shape == (2, 3, 64, 64)
        assert torch.allclose(G(G(z, stop=3), start=3), whole, atol=1e-5)
        half = StyleGAN2.pretrained("faces64", truncation=0.5, carry_rgb=False)
        assert half.truncation == 0.5
        assert half(z, stop=3).rgb is None

    @pytest.mark.parametrize("weights", ["faces64", "auto"])
    def test_a_score_at_a_point(self, G, weights):
        prior = LatentScore.pretrained(weights, stage=3, generator=G)
        u = prior.normalise(G(G.sample(2, seeds.stream(0)), stop=3))
        s = prior.score(u, torch.full((2,), 0.3))
        assert [v.shape for v in tree.leaves(s)] == [v.shape for v in tree.leaves(u)]
        assert all(bool(v.isfinite().all()) for v in tree.leaves(s))

    def test_a_denoiser_of_images(self):
        model = PixelDiffusion.pretrained("faces64-ddpm")
        u = model.normalise(pictures((3, 64, 64), 1))
        assert model.image_shape == (3, 64, 64)
        assert model.denoise(u, torch.full((1,), 0.1)).shape == u.shape

    def test_what_cannot_be_read_says_so(self, G):
        with pytest.raises(BadWeights, match="face64"):
            StyleGAN2.pretrained("face64")
        with pytest.raises(BadParams, match=r"StyleGAN2.truncation: .* less than or equal to 1"):
            StyleGAN2.pretrained(truncation=2)
        with pytest.raises(BadParams, match=r"StyleGAN2.psi: there is no such parameter"):
            StyleGAN2.pretrained(psi=0.5)
        with pytest.raises(BadWeights, match="no score prior for stage 2"):
            LatentScore.pretrained("faces64", stage=2, generator=G)

    def test_a_problem_is_made_of_them(self, G):
        A = Inpaint(keep=0.1, image_shape=G.image_shape, noise=GaussianNoise(0.02))
        prior = LatentScore.pretrained("faces64", stage=1, generator=G)
        y = A.measure(G(G.sample(1, seeds.stream(0))), [seeds.stream(1)])
        problem = Problem(y, A, G, (0,), {1: prior})
        assert problem.prior(1, LatentScore, "test") is prior


class TestOperators:
    @pytest.mark.parametrize("kind", [torch.bool, torch.float32, torch.uint8, "numpy"])
    def test_a_mask_is_a_tensor_or_an_array(self, kind):
        mask = torch.rand(16, 16, generator=seeds.stream("mask")) < 0.3
        A = Inpaint(mask.numpy() if kind == "numpy" else mask.to(kind))
        x = pictures()
        assert A.in_shape == SHAPE
        assert torch.equal(A(x), x[:, :, mask].flatten(1))

    def test_a_mask_may_differ_between_channels(self):
        mask = torch.rand(SHAPE, generator=seeds.stream("mask")) < 0.3
        A, x = Inpaint(mask), pictures()
        assert torch.equal(A(x), x[:, mask])
        assert torch.equal(A.adjoint(A(x)), x * mask)
        assert Inpaint(mask[:1]).in_shape == (1, 16, 16)
        assert Inpaint(mask[:1], image_shape=SHAPE).in_shape == SHAPE

    def test_a_mask_is_drawn_as_on_the_command_line(self):
        by_name = Inpaint(keep=0.3, image_shape=SHAPE, seed=5)
        params = InpaintParams(keep=0.3)
        assert torch.equal(by_name.index, Inpaint.from_params(params, SHAPE, 5).index)
        boxes = [
            Inpaint(box=b, at=a, image_shape=SHAPE) for b, a in (("4x6", "1x2"), ((4, 6), (1, 2)))
        ]
        assert torch.equal(boxes[0].index, boxes[1].index)

    def test_a_kernel_is_a_tensor(self):
        kernel = torch.tensor([[0.0, 0, 0], [0, 1, 3], [0, 0, 0]])
        A = Blur(kernel, image_shape=(1, 8, 8))
        x = torch.zeros(1, 1, 8, 8)
        x[0, 0, 4, 4] = 1
        assert A(x)[0, 0, 4, 4:6].tolist() == [0.25, 0.75]
        assert torch.equal(A.kernel, Blur(kernel.numpy(), image_shape=(1, 8, 8)).kernel)

    def test_every_operator_has_its_noise(self):
        for A in (
            Inpaint(half="left", image_shape=SHAPE, noise=GaussianNoise(0.1)),
            Blur(sigma=1, image_shape=SHAPE, noise=PoissonNoise(gain=0.1)),
            Superres(4, image_shape=SHAPE, noise=NoNoise()),
            Colorize(SHAPE, noise=GaussianNoise(sigma=0.1)),
            Compressed(m=20, image_shape=SHAPE, seed=1, noise=WhiteNoise(0.1)),
            Identity(SHAPE, noise=GaussianNoise()),
        ):
            x = pictures()
            y = A.measure(x, [seeds.stream(k) for k in range(2)])
            assert y.shape == (2, *A.out_shape)
            assert A.log_likelihood(y, x).shape == (2,)

    def test_an_operator_without_noise_says_so(self):
        A, x = Colorize(SHAPE), pictures(count=1)
        with pytest.raises(Incompatible, match="Colorize was built without a noise model"):
            A.measure(x, [seeds.stream(0)])
        with pytest.raises(Incompatible, match="without a noise model"):
            A.log_likelihood(A(x), x)

    def test_the_noise_is_replaced_on_a_copy(self):
        A = Compressed(m=20, image_shape=SHAPE, noise=GaussianNoise(0.1))
        B = A.with_noise(GaussianNoise(0.2))
        assert (A.noise.sigma, B.noise.sigma) == (0.1, 0.2)
        assert B.matrix is A.matrix
        assert torch.equal(A(pictures()), B(pictures()))
        B.double()
        with pytest.raises(BadInput, match=r"noise is 0\.02, which is not a noise model"):
            A.with_noise(0.02)

    def test_a_composition_has_one_noise(self):
        first, then = Blur(sigma=1, image_shape=SHAPE), Superres(4, image_shape=SHAPE)
        A = compose([first, then], noise=GaussianNoise(0.3))
        assert A.noise.sigma == 0.3
        assert compose([first, then.with_noise(GaussianNoise(0.4))]).noise.sigma == 0.4
        assert compose([first], noise=GaussianNoise(0.5)).noise.sigma == 0.5
        with pytest.raises(
            Incompatible, match=r"Superres gives \(3, 4, 4\), and Blur takes \(3, 16, 16\)"
        ):
            compose([then, first])

    @pytest.mark.parametrize(
        ("make", "says"),
        [
            (lambda: Inpaint(torch.ones(16, 16), image_shape=(3, 8, 8)), "mask has the shape"),
            (lambda: Inpaint(torch.ones(2, 3, 16, 16)), "mask has the shape (2, 3, 16, 16)"),
            (lambda: Inpaint(torch.zeros(16, 16)), "no measured pixel"),
            (lambda: Inpaint(torch.full((4, 4), 255)), "mask reaches from 255 to 255"),
            (lambda: Inpaint(torch.full((4, 4), torch.nan)), "mask holds NaN"),
            (lambda: Inpaint("mask.png"), "mask is of type str"),
            (lambda: Inpaint(torch.ones(4, 4), keep=0.1), "exactly one of"),
            (lambda: Inpaint(keep=0.1), "neither a mask nor the shape"),
            (lambda: Inpaint(keep=2.0, image_shape=SHAPE), "Inpaint.keep: "),
            (lambda: Blur(torch.ones(2, 3), image_shape=SHAPE), "kernel is 2×3, not odd × odd"),
            (lambda: Blur(-torch.ones(3, 3), image_shape=SHAPE), "kernel sums to -9"),
            (lambda: Blur(torch.ones(3, 3), sigma=1, image_shape=SHAPE), "exactly one of"),
            (lambda: Blur(torch.ones(33, 33), image_shape=SHAPE), "too large"),
            (lambda: Superres(3, image_shape=SHAPE), "does not divide 16×16"),
            (lambda: Superres(4, image_shape=(16, 16)), "takes a picture (C, H, W)"),
            (lambda: Superres(4, 2, image_shape=SHAPE), "without the name of a parameter"),
            (lambda: Colorize((1, 16, 16)), "3 channels"),
            (lambda: Compressed(m=9999, image_shape=SHAPE), "9999 measurements"),
            (lambda: Identity(SHAPE, noise=0.1), "not a noise model"),
            (lambda: GaussianNoise(-1), "GaussianNoise.sigma: "),
            (lambda: PoissonNoise(0), "PoissonNoise.gain: "),
            (lambda: Gaussian(std=0), "Gaussian.std: "),
            (lambda: L1Ball(0), "L1Ball.radii"),
        ],
    )
    def test_what_cannot_be_is_refused_in_a_sentence(self, make, says):
        with pytest.raises(InvprobError) as caught:
            make()
        assert says in caught.value.message
        assert "\n" not in caught.value.message


class TestPriors:
    def test_a_sampler_alone_on_a_toy_in_two_dimensions(self):
        prior = Gaussian(mean=1.0, std=0.5)
        keys = range(400)
        start = samplers.cold(prior, torch.zeros(1, 2), keys)
        u = samplers.reverse(prior, start, keys, SamplerParams(steps=50))
        assert u.mean(0).tolist() == pytest.approx([1, 1], abs=0.1)
        assert u.std(0).tolist() == pytest.approx([0.5, 0.5], abs=0.1)

    def test_projections(self):
        x = torch.randn(3, 8, generator=seeds.stream(0))
        assert torch.allclose(Sphere().prox(x).norm(dim=1), torch.full((3,), 8**0.5))
        assert float(L1Ball(0.1).prox(x).abs().sum(1).max()) <= 0.1 * 8 + 1e-5


class TestPackages:
    @pytest.mark.parametrize(("package", "name"), EXPORTS, ids=[name for _, name in EXPORTS])
    def test_help_explains_every_argument(self, package, name):
        thing = getattr(package, name)
        taken = set(inspect.signature(thing).parameters) - {"args", "values", "params", "run"}
        text = inspect.getdoc(thing) or ""
        assert [word for word in sorted(taken) if f"{word}: " not in text] == []

    def test_a_package_names_what_it_offers(self):
        assert set(invprob_basics.__all__) <= set(dir(invprob_basics))
        with pytest.raises(AttributeError, match="has no attribute 'Inpant'"):
            _ = invprob_basics.Inpant

    @pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
    def test_the_package_imports_nothing_heavy(self, package):
        name = package.__name__
        heavy = "{'torch', 'numpy', 'pydantic', 'rich'}"
        code = f"import sys, {name}.plugin; print(sorted({heavy} & set(sys.modules)))"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[]"

    def test_factories_are_called_as_their_kind_says(self):
        places = {
            "operator": (SHAPE, 0),
            "prior": (None, 0),
            "trainer": ("", ""),
            "observer": ("",),
        }
        ours = {package.__name__.removeprefix("invprob_") for package in PACKAGES}
        for entry in registry().entries:
            if entry.plugin in ours:
                arguments = places.get(entry.component.kind, ())
                inspect.signature(entry.load()).bind(entry.params(), *arguments)


def test_arrays_of_another_type_are_refused():
    with pytest.raises(BadInput, match="mask is of type complex128"):
        Inpaint(np.ones((4, 4), dtype=complex))
