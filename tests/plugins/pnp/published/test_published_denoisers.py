"""State dicts with the published names and shapes, against the networks written out in place."""

import pytest
import torch
from torch.nn import functional as F

from invprob.errors import BadWeights
from invprob.prior import Denoiser
from invprob_pnp import Photo
from invprob_pnp.published.convert import Denoisers


def noise(*shape, rng):
    return torch.randn(shape, generator=rng) * (2 / shape[1] / 9) ** 0.5


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def ffdnet(rng, colours, channels, count):
    widths = [4 * colours + 1, *[channels] * (count - 1), 4 * colours]
    state = {}
    for i in range(count):
        state[f"model.{2 * i}.weight"] = noise(widths[i + 1], widths[i], 3, 3, rng=rng)
        state[f"model.{2 * i}.bias"] = 0.1 * torch.randn(widths[i + 1], generator=rng)
    return state


def ffdnet_forward(state, x, sigma):
    """On the four shifted copies of an image whose sides are even."""
    phases = [x[:, c, i::2, j::2] for c in range(x.shape[1]) for i in (0, 1) for j in (0, 1)]
    h = torch.stack([*phases, torch.full_like(phases[0], sigma)], 1)
    last = max(int(key.split(".")[1]) for key in state)
    for i in range(0, last + 1, 2):
        h = F.conv2d(h, state[f"model.{i}.weight"], state[f"model.{i}.bias"], padding=1)
        h = h.relu() if i < last else h
    out = torch.zeros_like(x)
    for k in range(h.shape[1]):
        out[:, k // 4, k % 4 // 2 :: 2, k % 2 :: 2] = h[:, k]
    return out


def drunet(rng, colours, channels=(4, 6, 8, 10), count=2):
    state = {"m_head.weight": noise(channels[0], colours + 1, 3, 3, rng=rng)}
    depth = len(channels) - 1

    def block(name, width):
        for place in (0, 2):
            state[f"{name}.res.{place}.weight"] = noise(width, width, 3, 3, rng=rng) / 3

    for level in range(depth):
        fine, coarse = channels[level], channels[level + 1]
        for i in range(count):
            block(f"m_down{level + 1}.{i}", fine)
            block(f"m_up{level + 1}.{i + 1}", fine)
        state[f"m_down{level + 1}.{count}.weight"] = noise(coarse, fine, 2, 2, rng=rng)
        state[f"m_up{level + 1}.0.weight"] = noise(coarse, fine, 2, 2, rng=rng)
    for i in range(count):
        block(f"m_body.{i}", channels[-1])
    state["m_tail.weight"] = noise(colours, channels[0], 3, 3, rng=rng)
    return state


def drunet_forward(state, x, sigma, count=2):
    def conv(h, name):
        return F.conv2d(h, state[f"{name}.weight"], padding=1)

    def block(h, name):
        return h + conv(conv(h, f"{name}.res.0").relu(), f"{name}.res.2")

    h = conv(torch.cat([x, torch.full_like(x[:, :1], sigma)], 1), "m_head")
    skips = [h]
    for level in (1, 2, 3):
        for i in range(count):
            h = block(h, f"m_down{level}.{i}")
        h = F.conv2d(h, state[f"m_down{level}.{count}.weight"], stride=2)
        skips.append(h)
    for i in range(count):
        h = block(h, f"m_body.{i}")
    for level in (3, 2, 1):
        h = F.conv_transpose2d(h + skips[level], state[f"m_up{level}.0.weight"], stride=2)
        for i in range(count):
            h = block(h, f"m_up{level}.{i + 1}")
    return conv(h + skips[0], "m_tail")


def bias_free(rng, colours, channels=8, count=5, gammas=True):
    state = {"conv_layers.0.weight": noise(channels, colours, 3, 3, rng=rng)}
    for i in range(1, count - 1):
        state[f"conv_layers.{i}.weight"] = noise(channels, channels, 3, 3, rng=rng)
        state[f"running_sd.{i - 1}"] = 0.5 + torch.rand(1, channels, 1, 1, generator=rng)
        if gammas:
            state[f"gammas.{i - 1}"] = torch.randn(1, channels, 1, 1, generator=rng)
    state[f"conv_layers.{count - 1}.weight"] = noise(colours, channels, 3, 3, rng=rng)
    return state


def bias_free_forward(state, x, sigma, count=5):
    h = F.conv2d(x, state["conv_layers.0.weight"], padding=1).relu()
    for i in range(1, count - 1):
        h = F.conv2d(h, state[f"conv_layers.{i}.weight"], padding=1)
        h = (h / state[f"running_sd.{i - 1}"] * state.get(f"gammas.{i - 1}", torch.ones(1))).relu()
    return x - F.conv2d(h, state[f"conv_layers.{count - 1}.weight"], padding=1)


KINDS = {
    "ffdnet_color": (lambda rng: ffdnet(rng, 3, 96, 12), ffdnet_forward),
    "ffdnet_gray": (lambda rng: ffdnet(rng, 1, 64, 15), ffdnet_forward),
    "drunet_color": (lambda rng: drunet(rng, 3), drunet_forward),
    "drunet_gray": (lambda rng: drunet(rng, 1), drunet_forward),
    "bf_cnn": (lambda rng: bias_free(rng, 3), bias_free_forward),
    "bf_cnn_gray": (lambda rng: bias_free(rng, 1, gammas=False), bias_free_forward),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_published_file_is_the_published_function(kind, rng, tmp_path):
    make, forward = KINDS[kind]
    state = make(rng)
    file = tmp_path / f"{kind}.pth"
    torch.save(state, file)
    photo = Photo.pretrained(file)
    colours = 1 if "gray" in kind else 3
    x = torch.rand((2, colours, 24, 32), generator=rng)
    found = photo.network(x, torch.tensor([0.1, 0.1]))
    assert torch.allclose(found, forward(state, x, 0.1), atol=1e-5)
    # as a prior, by its own scale of times, at a size of no multiple
    odd = torch.rand((1, colours, 13, 21), generator=rng)
    assert photo.denoise(odd, torch.tensor([0.5])).shape == odd.shape
    assert isinstance(photo, Denoiser)
    assert float(photo.schedule(torch.ones(1))[1]) == pytest.approx(photo.network.greatest)


def test_a_grey_denoiser_denoises_each_channel_by_itself(rng, tmp_path):
    torch.save(ffdnet(rng, 1, 8, 4), tmp_path / "grey.pth")
    photo = Photo.pretrained(tmp_path / "grey.pth")
    x, t = torch.rand((2, 3, 8, 10), generator=rng), torch.tensor([0.4, 0.9])
    found = photo.denoise(x, t)
    alone = torch.cat([photo.denoise(x[:, c : c + 1], t) for c in range(3)], 1)
    assert torch.allclose(found, alone, atol=1e-6)
    assert not torch.allclose(found, x, atol=1e-3)


def test_the_real_drunet_has_the_published_architecture():
    """Its names and shapes alone: 32.6 million numbers need not be drawn."""
    state = {
        name: value.new_zeros(()).expand(value.shape)
        for name, value in drunet(torch.Generator(), 3, (64, 128, 256, 512), 4).items()
    }
    made = Denoisers(None).convert(state)
    assert "DRUNet for RGB images, channels [64, 128, 256, 512], 4 residual" in made.summary
    assert sum(value.numel() for value in made.tensors.values()) == 32_640_960


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: {**s, "model.0.weight": s["model.0.weight"][:, :9]}, "images of 2 channels"),
        (lambda s: {**s, "extra": torch.ones(1)}, "1 unexpected: extra"),
        (lambda s: {k: v for k, v in s.items() if k != "model.4.bias"}, "missing: model.4.bias"),
        (
            lambda s: {k: v for k, v in s.items() if not k.startswith("model.4.")},
            "layers between its convolutions, at model.6",
        ),
        (lambda s: {**s, "model.2.bias": s["model.2.bias"] / 0}, "not finite"),
    ],
)
def test_others_are_refused_by_name(spoil, message, rng, tmp_path):
    torch.save(spoil(ffdnet(rng, 3, 8, 4)), tmp_path / "x.pth")
    with pytest.raises(BadWeights, match=message):
        Photo.pretrained(tmp_path / "x.pth")


def test_a_dncnn_is_not_a_denoiser_of_all_levels(rng, tmp_path):
    """KAIR's DnCNN has the names of FFDNet, and no map of the noise level."""
    state = ffdnet(rng, 1, 8, 4)
    state["model.0.weight"] = noise(8, 1, 3, 3, rng=rng)
    torch.save(state, tmp_path / "dncnn_25.pth")
    with pytest.raises(BadWeights, match="FFDNet is for images of 0 channels"):
        Photo.pretrained(tmp_path / "dncnn_25.pth")


def test_a_standard_deviation_of_0_is_refused(rng):
    state = bias_free(rng, 1)
    state["running_sd.1"][0, 2] = 0
    with pytest.raises(BadWeights, match="is 0 or not finite"):
        Denoisers(None).convert(state)
