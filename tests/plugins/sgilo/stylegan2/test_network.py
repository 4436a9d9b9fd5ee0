import math
import shutil

import pytest
import torch
from torch.nn import functional as F

from invprob import seeds, tree
from invprob.errors import BadWeights
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.layers import ModulatedConv, ToRGB, fir_kernel, upsampled
from invprob_sgilo.stylegan2.network import Architecture, Carry

ARCHITECTURES = [
    Architecture(resolution=32, channel_base=64, channel_max=8, z_dim=8, w_dim=8),
    Architecture(resolution=64, channels=1, channel_base=128, channel_max=8, z_dim=8, w_dim=6),
]


def generator(arch, dtype=torch.float32):
    G = StyleGAN2(arch, seed=3).eval().requires_grad_(False)
    rng = seeds.stream("strengths")
    for name, parameter in G.named_parameters():
        # what starts at zero in training must move the image here
        if name.endswith(("strength", "bias")):
            parameter.data += 0.3 * torch.randn(parameter.shape, generator=rng)
    return G.to(dtype)


def zero_inserted(x):
    out = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    out[:, :, ::2, ::2] = x
    return out


def filter_of(x, before, after):
    """[1, 3, 3, 1] ⊗ [1, 3, 3, 1] / 16 (gain 4) on a padded image, tap by tap."""
    taps = [1 / 4, 3 / 4, 3 / 4, 1 / 4]
    x = F.pad(x, (before, after, before, after))
    size = x.shape[2] - 3
    rows = sum(t * x[:, :, k : k + size] for k, t in enumerate(taps))
    return sum(t * rows[:, :, :, k : k + size] for k, t in enumerate(taps))


def defined(conv, x, w):
    """The published definition: a kernel per sample, modulated, then normalised."""
    style = F.linear(w, conv.affine.weight / math.sqrt(w.shape[1]), conv.affine.bias)
    weight = conv.weight / math.sqrt(conv.weight[0].numel())
    out = []
    for sample, s in zip(x, style, strict=True):
        kernel = weight * s[None, :, None, None]
        kernel = kernel / (kernel.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if conv.up:
            # a convolution of the zero-inserted image turns the kernel round
            wide = F.conv2d(zero_inserted(sample[None]), kernel.flip(2, 3), padding=2)
            out.append(filter_of(wide, 1, 0))
        else:
            out.append(F.conv2d(sample[None], kernel, padding=1))
    return torch.cat(out)


@pytest.mark.parametrize("up", [False, True])
def test_modulation_is_the_published_definition(up):
    rng = torch.Generator().manual_seed(0)
    conv = ModulatedConv(5, 7, 6, rng, up).double()
    x = torch.randn(3, 5, 8, 8, generator=rng, dtype=torch.float64)
    w = torch.randn(3, 6, generator=rng, dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.float64)
    conv.fir = conv.fir.double()
    found, expected = conv(x, w, zero, 1.7), 1.7 * defined(conv, x, w)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-7)


def test_to_rgb_is_a_modulated_convolution():
    rng = torch.Generator().manual_seed(0)
    layer = ToRGB(5, 3, 6, rng)
    x, w = torch.randn(2, 5, 4, 4, generator=rng), torch.randn(2, 6, generator=rng)
    scaled = x * layer.affine(w)[:, :, None, None]
    expected = F.conv2d(scaled, layer.weight[:, :, None, None] / math.sqrt(5))
    assert torch.allclose(layer(x, w), expected, atol=1e-5)


def test_doubling_an_image_keeps_a_constant():
    x = torch.ones(1, 3, 8, 8)
    inside = upsampled(x, fir_kernel() * 4)[:, :, 2:-2, 2:-2]
    assert torch.allclose(inside, torch.ones_like(inside))
    assert torch.allclose(
        upsampled(x, fir_kernel() * 4), filter_of(zero_inserted(x), 2, 1), atol=1e-6
    )


def monolithic(G, x):
    """The whole network in one go, with an index into all codes and maps instead of leftovers."""
    w = G.mapping(x.z)
    w = (G.w_mean + G.truncation * (w - G.w_mean))[:, None].repeat(1, G.codes, 1)
    code, map_ = 0, 0
    h = G.blocks[0].const.repeat(len(w), 1, 1, 1)
    image = None
    for block in G.blocks:
        if block.up is not None:
            h = block.up(h, w[:, code], x.noise[map_])
            code, map_ = code + 1, map_ + 1
        h = block.conv(h, w[:, code], x.noise[map_])
        code, map_ = code + 1, map_ + 1
        rgb = block.to_rgb(h, w[:, code])
        image = rgb if image is None else rgb + upsampled(image, block.fir)
    assert code == G.codes - 1
    assert map_ == len(x.noise)
    return (image + 1) / 2


@pytest.mark.parametrize("arch", ARCHITECTURES)
class TestStages:
    def test_their_composition_is_the_network(self, arch, device):
        G = generator(arch).to(device).double()
        x = tree.map(torch.Tensor.double, G.sample(3, torch.Generator().manual_seed(1)))
        image = monolithic(G, x)
        assert image.shape == (3, *G.image_shape)
        assert torch.allclose(G(x), image, rtol=0, atol=1e-12)
        for k in range(G.depth + 1):
            assert torch.allclose(G(G(x, stop=k), start=k), image, rtol=0, atol=1e-12)

    def test_every_leaf_of_every_latent_moves_the_image(self, arch, device):
        G = generator(arch).to(device)
        x = G.sample(2, torch.Generator().manual_seed(1))
        for k in range(G.depth):
            latent = tree.map(lambda v: v.detach().requires_grad_(), G(x, stop=k))
            image = G(latent, start=k)
            for name, leaf in tree.items(latent):
                (gradient,) = torch.autograd.grad(image.square().sum(), leaf, retain_graph=True)
                per_row = gradient.abs().flatten(1).sum(1)
                assert bool((per_row > 0).all()), f"stage {k}: {name} has no effect"
                if name == "w":
                    codes = gradient.abs().sum(2)
                    assert bool((codes > 0).all()), f"stage {k}: a code has no effect"

    def test_rows_are_independent(self, arch, device):
        G = generator(arch).to(device)
        x = G.sample(3, torch.Generator().manual_seed(1))
        one = tree.map(lambda leaf: leaf[1:2], x)
        assert torch.allclose(G(one), G(x)[1:2], atol=1e-5)

    def test_stages_that_do_not_exist_are_refused(self, arch):
        G = generator(arch)
        x = G.sample(1, torch.Generator().manual_seed(1))
        for k in (0, G.depth + 1):
            with pytest.raises(ValueError, match="stage"):
                G.stage(k, x)

    def test_without_the_image_so_far_a_restart_differs(self, arch):
        G = generator(arch)
        x = G.sample(1, torch.Generator().manual_seed(1))
        whole = G(x)
        G.carry_rgb = False
        assert torch.equal(G(x), whole)
        latent = G(x, stop=2)
        assert isinstance(latent, Carry)
        assert latent.rgb is None
        assert not torch.allclose(G(latent, start=2), whole)

    def test_weights_are_read_back(self, arch, tmp_path):
        G = generator(arch).half().float()
        G.save(tmp_path / "g.safetensors", {"kimg": 1})
        again = StyleGAN2.pretrained(tmp_path / "g.safetensors")
        x = G.sample(2, torch.Generator().manual_seed(1))
        assert again.arch == arch
        assert torch.equal(again(x), G(x))


def test_truncation_pulls_codes_to_their_mean():
    G = generator(ARCHITECTURES[0])
    G.w_mean.fill_(0.3)
    x = G.sample(2, torch.Generator().manual_seed(1))
    G.truncation = 0.0
    assert torch.allclose(G(x, stop=1).w, torch.full((2, G.codes, 8), 0.3))


def test_bfloat16_is_near_float32():
    G = generator(ARCHITECTURES[0])
    x = G.sample(2, torch.Generator().manual_seed(1))
    image = G(x)
    G.dtype = torch.bfloat16
    low = G(x)
    assert low.dtype == torch.float32
    assert float((low - image).abs().mean()) < 0.05 * float(image.std())
    assert G(x, stop=3).h.dtype == torch.float32


def test_blocks_computed_again_give_the_same_bits_and_keep_less():
    def pass_through(recompute):
        G = generator(ARCHITECTURES[0])
        G.recompute = recompute
        x = G(G.sample(2, torch.Generator().manual_seed(0)), stop=1)
        x = tree.map(lambda leaf: leaf.detach().requires_grad_(), x)
        kept = 0

        def pack(t):
            nonlocal kept
            kept += t.numel()
            return t

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            image = G(x, start=1)
        slope = torch.autograd.grad(image.square().sum(), tree.leaves(x))
        return image.detach(), slope, kept

    image, slope, kept = pass_through(False)
    again, same_slope, fewer = pass_through(True)
    assert torch.equal(image, again)
    assert all(torch.equal(a, b) for a, b in zip(slope, same_slope, strict=True))
    assert fewer < kept / 4


def test_the_smallest_and_largest_sizes_build():
    for resolution in (32, 1024):
        arch = Architecture(resolution=resolution, channel_base=resolution, channel_max=4)
        G = StyleGAN2(arch)
        assert G.depth == 1 + int(math.log2(resolution)) - 1
        assert len(G.arch.noise_shapes) == 2 * (G.depth - 1) - 1
    with pytest.raises(ValueError, match="16 pixels"):
        StyleGAN2(Architecture(resolution=16))


def test_a_file_of_something_else_is_refused(tmp_path):
    from invprob.io import tensor_files

    tensor_files.write(tmp_path / "x.safetensors", {"a": torch.ones(1)}, {"kind": "toy"})
    with pytest.raises(BadWeights, match="not a StyleGAN-2"):
        StyleGAN2.pretrained(tmp_path / "x.safetensors")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the compiler trips over warnings of its own
def test_compiled_blocks_compute_the_same_image(weights_file):
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    plain, compiled = (StyleGAN2.pretrained(weights_file, compile=c) for c in (False, True))
    x = plain.sample(2, seeds.stream("compile"))
    a, b = plain(x), compiled(x)
    assert torch.allclose(a, b, atol=1e-5)
    for u, v in zip(
        torch.autograd.grad(a.square().sum(), plain.blocks.parameters()),
        torch.autograd.grad(b.square().sum(), compiled.blocks.parameters()),
        strict=True,
    ):
        assert torch.allclose(u, v, rtol=1e-3, atol=1e-5)
