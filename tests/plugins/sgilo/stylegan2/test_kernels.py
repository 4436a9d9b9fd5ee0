"""Blocks with compiled kernels compute what plain blocks compute."""

from dataclasses import replace

import pytest
import torch

from invprob import seeds, tree
from invprob.errors import BadParams
from invprob_sgilo.stylegan2 import kernels, network
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Architecture

ARCH = Architecture(resolution=32, channel_base=512, channel_max=32, z_dim=8, w_dim=8)
ARCHITECTURES = {
    "plain": ARCH,
    "clamped": replace(ARCH, conv_clamp=0.7, raw_demodulation=True),
    "grey": replace(ARCH, channels=1),
}


@pytest.fixture
def compiler():
    if not kernels.compiler():
        pytest.skip("there is no C compiler")


def generators(arch=ARCH):
    """The same network twice: plain, and with compiled kernels."""
    made = []
    for compiled in (False, True):
        G = StyleGAN2(arch, seed=3).eval().requires_grad_(False)
        rng = seeds.stream("strengths")
        for name, parameter in G.named_parameters():
            if name.endswith(("strength", "bias")):
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=rng))
        network.use_kernels(G.blocks, "compiled" if compiled else "torch")
        made.append(G)
    return made


def latent(G, stage=2, batch=3):
    x = G(G.sample(batch, torch.Generator().manual_seed(1)), stop=stage)
    return tree.map(lambda leaf: leaf.detach().requires_grad_(), x)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(b.detach().abs().max()))


@pytest.mark.usefixtures("compiler")
class TestEquality:
    @pytest.mark.parametrize("carry", [True, False])
    @pytest.mark.parametrize("name", ARCHITECTURES)
    def test_images_and_gradients_are_the_same(self, name, carry):
        plain, fast = generators(ARCHITECTURES[name])
        plain.carry_rgb = fast.carry_rgb = carry
        x = latent(plain)
        found = []
        for G in (fast, plain):
            image = G(x, start=2)
            found.append((image, *torch.autograd.grad(image.square().sum(), tree.leaves(x))))
        assert found[0][0].grad_fn is not None
        for a, b in zip(*found, strict=True):
            close(a, b)

    def test_features_have_gradients_without_the_image(self):
        plain, fast = generators()
        x = latent(plain)
        slopes = [
            torch.autograd.grad(G(x, start=2, stop=3).h.square().sum(), (x.h, x.w))
            for G in (fast, plain)
        ]
        for a, b in zip(*slopes, strict=True):
            close(a, b)

    def test_without_gradients_the_bits_are_those_with_them(self):
        _, fast = generators()
        x = latent(fast)
        with torch.no_grad():
            image = fast(x, start=2)
        assert torch.equal(image, fast(x, start=2))

    def test_a_row_has_the_bits_that_it_has_on_two_threads(self):
        _, fast = generators()
        x, threads, found = latent(fast), torch.get_num_threads(), []
        try:
            for count in (1, 2):
                torch.set_num_threads(count)
                image = fast(x, start=2)
                found.append(torch.autograd.grad(image.square().sum(), tree.leaves(x)))
        finally:
            torch.set_num_threads(threads)
        for a, b in zip(*found, strict=True):
            close(a, b)

    def test_gradients_of_gradients_are_the_same(self):
        plain, fast = generators()
        x, found = latent(plain), []
        for G in (fast, plain):
            (slope,) = torch.autograd.grad(G(x, start=2).square().sum(), x.w, create_graph=True)
            found.append(torch.autograd.grad(slope.square().sum(), (x.w, x.h)))
        for a, b in zip(*found, strict=True):
            close(a, b)

    @pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # torch's own, of its jvp
    def test_transforms_of_functions_compute_in_plain_torch(self):
        plain, fast = generators()
        x = tree.map(torch.detach, latent(plain))

        def derivative(G):
            def image(w):
                return G(replace(x, w=w), start=2)

            forward = torch.func.jvp(image, (x.w,), (torch.ones_like(x.w),))[1]
            return forward, torch.func.vjp(image, x.w)[1](forward)[0]

        for a, b in zip(derivative(fast), derivative(plain), strict=True):
            assert torch.equal(a, b)

    @pytest.mark.parametrize("what", ["float64", "bfloat16", "weights with gradients"])
    def test_what_kernels_do_not_know_is_computed_in_plain_torch(self, what):
        made = generators()
        for G in made:
            if what == "float64":
                G.double()
            elif what == "bfloat16":
                G.dtype = torch.bfloat16
            else:
                G.requires_grad_()
        x = latent(made[0])
        assert torch.equal(made[0](x, start=2), made[1](x, start=2))

    def test_changed_weights_are_seen(self):
        plain, fast = generators()
        x = latent(plain)
        fast(x, start=2)
        for G in (plain, fast):
            G.blocks[2].conv.conv.weight.mul_(1.5)
            G.blocks[2].to_rgb.bias.add_(1)
        close(fast(x, start=2), plain(x, start=2))


@pytest.fixture
def wide_file(tmp_path):
    StyleGAN2(ARCH).save(tmp_path / "wide.safetensors", {})
    return tmp_path / "wide.safetensors"


@pytest.fixture
def afresh(tmp_path, monkeypatch):
    """Kernels that are not loaded, and an empty cache."""
    monkeypatch.setenv("INVPROB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kernels, "FLAGS", ("-O0", "-fPIC"))
    monkeypatch.setattr(kernels, "VARIANTS", ((),))
    kernels.load.cache_clear()
    yield tmp_path / "cache" / kernels.KIND
    kernels.load.cache_clear()


@pytest.mark.parametrize("compiler", ["false", "/no/such/compiler"])
def test_without_a_compiler_auto_is_torch(wide_file, afresh, monkeypatch, compiler):
    monkeypatch.setenv("CC", compiler)
    assert StyleGAN2.pretrained(wide_file, kernels="auto").chosen == {"kernels": "torch"}
    with pytest.raises(BadParams, match="needs a C compiler"):
        StyleGAN2.pretrained(wide_file, kernels="compiled")


def test_other_precisions_are_left_to_torch(wide_file):
    """Within their autocast kernels do not run, whatever the generator says it has chosen."""
    found = StyleGAN2.pretrained(wide_file, kernels="auto", precision="bfloat16")
    assert found.chosen == {"kernels": "torch"}
    with pytest.raises(BadParams, match="kernels=compiled computes in float32"):
        StyleGAN2.pretrained(wide_file, kernels="compiled", precision="bfloat16")


def test_narrow_channels_are_left_to_torch(weights_file):
    assert StyleGAN2.pretrained(weights_file, kernels="auto").chosen == {"kernels": "torch"}


@pytest.mark.usefixtures("compiler")
def test_kernels_are_compiled_once(wide_file, afresh, monkeypatch):
    assert StyleGAN2.pretrained(wide_file, kernels="auto").chosen == {"kernels": "compiled"}
    (kept,) = afresh.glob("*.so")
    kernels.load.cache_clear()
    monkeypatch.setattr(kernels.subprocess, "run", lambda *a, **k: pytest.fail("compiled again"))
    assert kernels.load() is not None
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("how", ["written by others", "damaged"])
def test_a_file_that_cannot_be_trusted_is_not_executed(afresh, how):
    assert kernels.load() is not None
    (kept,) = afresh.glob("*.so")
    if how == "damaged":
        bits = kept.read_bytes()
        kept.unlink()  # what is loaded stays
        kept.write_bytes(bits[:1000])
    else:
        kept.chmod(0o666)
    kernels.load.cache_clear()
    assert kernels.load() is not None
    assert kept.stat().st_size > 1000
    assert kept.stat().st_mode & 0o077 == 0
