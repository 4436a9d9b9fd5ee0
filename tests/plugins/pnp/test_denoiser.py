"""The denoiser: any size, its schedule, its file, and a training in miniature."""

import resource

import pytest
import torch
from PIL import Image

from invprob import seeds
from invprob.errors import BadInput, BadParams, BadWeights
from invprob.io import tensor_files
from invprob_pnp import Photo
from invprob_pnp.denoiser import prior
from invprob_pnp.denoiser.file import load, save
from invprob_pnp.denoiser.network import Network, Size
from invprob_pnp.denoiser.train import train, weight
from invprob_pnp.params import DenoiserTraining

SMALL = Size(channels=(8, 12), blocks=(1, 1))


@pytest.fixture
def network():
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return Network(SMALL).eval().requires_grad_(False)


@pytest.mark.parametrize("size", [(16, 16), (17, 30), (5, 3), (1, 1)])
def test_every_size_is_denoised(network, size):
    x = torch.rand((2, 3, *size), generator=seeds.stream(0))
    found = network(x, torch.tensor([0.1, 0.5]))
    assert found.shape == x.shape
    assert torch.allclose(found[1:], network(x[1:], torch.tensor([0.5])), atol=1e-5)


def test_little_noise_leaves_the_image_as_it_is(network):
    x = torch.rand((1, 3, 8, 8), generator=seeds.stream(1))
    assert torch.allclose(network(x, torch.tensor([1e-6])), x, atol=1e-4)


def test_the_schedule_reaches_from_the_least_level_to_1(network):
    photo = Photo(network, least=0.004)
    alpha, sigma = photo.schedule(torch.tensor([0.0, photo.t_min, 1.0]))
    assert alpha.tolist() == [1, 1, 1]
    assert sigma.tolist() == pytest.approx([0, 0.004, 1.0], rel=1e-5)
    times = torch.linspace(photo.t_min, 1, 50)
    ratios = photo.schedule(times)[1]
    ratios = ratios[1:] / ratios[:-1]
    assert float(ratios.max() - ratios.min()) < 1e-4


def test_the_score_is_that_of_the_denoiser(network):
    photo = Photo(network)
    u = torch.rand((2, 3, 8, 8), generator=seeds.stream(2))
    t = torch.tensor([0.4, 0.9])
    sigma = photo.schedule(t)[1][:, None, None, None]
    assert torch.allclose(
        photo.score(u, t), (network(u, sigma.flatten()) - u) / sigma**2, atol=1e-4
    )


def test_a_file_gives_the_network_back(network, tmp_path):
    save(tmp_path / "d.safetensors", network, 0.01, {"kimg": 1})
    again, least = load(tmp_path / "d.safetensors")
    x = torch.rand((1, 3, 8, 8), generator=seeds.stream(3))
    assert least == 0.01
    assert torch.allclose(network(x, torch.ones(1)), again(x, torch.ones(1)), atol=1e-2)
    with pytest.raises(BadWeights, match="there are no weights"):
        Photo.pretrained(tmp_path / "nothing.safetensors")


def huge(**values):
    size = {"colours": 3, "patch": 2, "channels": [8], "blocks": [1], **values}
    return {"kind": "denoiser", "size": size, "least": 0.01}


def published(network, **config):
    return {"kind": "published-denoiser", "network": network, "config": {"colours": 3, **config}}


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (huge(channels=[10**6]), "do not fit the architecture"),
        (huge(channels=[10**30]), "describe no denoiser"),
        (huge(blocks=[10**9]), "1000000001 layers and 2 tensors"),
        (huge(channels=[], blocks=[]), "describe no denoiser"),
        (huge(patch=0), "describe no denoiser"),
        (huge(colours=5), "images of 5 channels"),
        ({**huge(), "least": "nan"}, "least noise level is nan"),
        (published("FFDNet", channels=10**6, count=1), "do not fit the architecture"),
        (published("FFDNet", channels=8, count=10**12), "1000000000000 layers and 2 tensors"),
        (published("DRUNet", channels=[1] * 9, count=1), "9 layers and 2 tensors"),
        (published("BF-CNN", channels=8, count=1), "describe no denoiser"),
        (published("other", channels=8, count=1), "describe no denoiser"),
    ],
)
def test_what_a_file_describes_is_not_made_before_it_fits(tmp_path, metadata, said):
    path = tmp_path / "d.safetensors"
    tensor_files.write(path, {"a": torch.zeros(1), "b": torch.zeros(1)}, metadata)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadWeights, match=said):
        Photo.pretrained(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_a_bundled_file_must_have_its_sum(network, tmp_path, monkeypatch):
    monkeypatch.setattr(prior, "BUNDLED", tmp_path)
    save(tmp_path / "photo.safetensors", network, 0.01, {})
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  photo.safetensors\n")
    with pytest.raises(BadWeights, match="have sha256"):
        Photo.pretrained()


@pytest.fixture
def tiles(tmp_path):
    folder = tmp_path / "tiles"
    folder.mkdir()
    rng = seeds.stream("tiles")
    for photo in range(4):
        for k in range(3):
            pixels = torch.randint(0, 256, (24, 24, 3), generator=rng, dtype=torch.uint8)
            Image.fromarray(pixels.numpy()).resize((24, 24)).save(folder / f"p{photo}_{k:02d}.png")
    return folder


def params(**values):
    few = {"kimg": 1, "batch": 50, "tile": 8, "channels": (8,), "blocks": (1,), "snapshot_kimg": 1}
    return DenoiserTraining(**{**few, "held_out": 0.25, **values})


def test_a_training_learns_and_goes_on_with_the_same_bits(tiles, tmp_path):
    whole = list(train(params(), tiles, tmp_path / "whole"))
    assert whole[-1].step == 1000
    assert whole[-1].figures["loss"] < whole[0].figures["loss"]
    assert set(whole[-1].figures) == {"loss", "PSNR at 15", "PSNR at 25", "PSNR at 50"}
    part = train(params(), tiles, tmp_path / "part")
    next(part)
    part.close()
    list(train(params(), tiles, tmp_path / "part"))
    name = "denoiser.safetensors"
    assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    Photo.pretrained(tmp_path / "whole" / name)
    with pytest.raises(BadInput, match="batch=50 and not 25"):
        next(train(params(batch=25), tiles, tmp_path / "part"))


def test_what_does_not_fit_is_refused(tiles, tmp_path):
    with pytest.raises(BadParams, match="differ in length"):
        next(train(params(blocks=(1, 1)), tiles, tmp_path))
    with pytest.raises(BadParams, match="tile=32 is larger"):
        next(train(params(tile=32), tiles, tmp_path))


def test_noise_levels_count_alike():
    """An error of D of σ s/√(σ² + s²), what is unknown at best, counts 1 at every level."""
    sigma = torch.tensor([0.01, 0.1, 1.0])
    best = sigma**2 * 0.25**2 / (sigma**2 + 0.25**2)
    assert torch.allclose(weight(sigma) * best, torch.ones(3))
