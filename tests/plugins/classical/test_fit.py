"""`invprob train gaussian` finds the mean and the components that images were drawn with."""

import pytest
import torch
from PIL import Image

from invprob import cli, seeds
from invprob.errors import BadInput, BadParams
from invprob_classical.gaussian_fit import train
from invprob_classical.gaussian_images import GaussianImages
from invprob_classical.params import GaussianTraining


@pytest.fixture
def pictures(tmp_path):
    """200 pictures of 8×8: grey, a gradient down, one across, and noise of 0.02."""
    rng = seeds.stream("pictures")
    slope = torch.linspace(-1, 1, 8).double()
    down, across = slope[:, None].expand(8, 8), slope[None].expand(8, 8)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(200):
        a, b = torch.randn(2, generator=rng).double()
        noise = 0.02 * torch.randn(8, 8, generator=rng).double()
        x = (0.5 + 0.1 * a * down + 0.06 * b * across + noise).clamp(0, 1)
        Image.fromarray((255 * x).round().byte().numpy()).save(folder / f"{i:03}.png")
    return folder


def test_the_components_and_the_remainder_are_found(pictures, tmp_path):
    params = GaussianTraining(rank=2, passes=4, colors=1, held_out=0.1)
    records = list(train(params, pictures, tmp_path / "out"))
    assert [r.step for r in records] == [1, 2, 3, 4, 5]
    prior = GaussianImages.pretrained(tmp_path / "out" / "gaussian.safetensors")
    assert prior.image_shape == (1, 8, 8)
    assert float(prior.rest.sqrt()) == pytest.approx(0.02, rel=0.1)
    down = torch.linspace(-1, 1, 8)[:, None].expand(8, 8)
    for component, direction in zip(prior.components, (down, down.T), strict=True):
        cosine = (component[0] * direction / direction.norm()).sum().abs()
        assert float(cosine) > 0.99
    expected = 0.1**2 * float(down.square().sum())
    assert float(prior.excess[0]) == pytest.approx(expected, rel=0.25)
    # a normal distribution of 2 + 62 directions, in nats per value
    assert records[-1].figures["log density, held out"] == pytest.approx(3.3, abs=0.2)


def test_paths_of_a_training_in_python_are_expanded(pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    params = GaussianTraining(rank=2, passes=1, colors=1)
    list(train(params, f"~/{pictures.relative_to(tmp_path)}", "~/new/out"))
    assert (tmp_path / "new" / "out" / "gaussian.safetensors").is_file()
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be written: it is a file"):
        list(train(params, str(pictures), tmp_path / "file"))


def test_mirrored_pictures_count_unless_they_should_not(pictures, tmp_path):
    for flip in (True, False):
        params = GaussianTraining(rank=2, passes=2, colors=1, flip=flip)
        list(train(params, pictures, tmp_path / str(flip)))
    found = [
        GaussianImages.pretrained(tmp_path / name / "gaussian.safetensors").mean
        for name in ("True", "False")
    ]
    assert torch.equal(found[0], found[0].flip(2))
    assert not torch.equal(found[1], found[1].flip(2))


def test_more_components_than_pictures_are_refused(pictures, tmp_path):
    with pytest.raises(BadParams, match="64 components of 184 images of 64 values"):
        next(train(GaussianTraining(rank=64, colors=1), pictures, tmp_path / "out"))


def few(folder, *, alike=False, symmetric=False):
    """Six pictures of 6×6 of random pixels."""
    folder.mkdir()
    for i in range(6):
        x = torch.randint(255, (6, 6), generator=seeds.stream(0 if alike else i))
        x = torch.cat([x[:, :3], x[:, :3].flip(1)], 1) if symmetric else x
        Image.fromarray(x.byte().numpy()).save(folder / f"{i}.png")
    return folder


@pytest.mark.parametrize(("flip", "most"), [(False, 4), (True, 10)])
def test_the_largest_rank_of_the_hint_is_fitted(tmp_path, flip, most):
    source = few(tmp_path / "few")

    def fitted(rank):
        params = GaussianTraining(rank=rank, passes=3, colors=1, flip=flip, held_out=0)
        return list(train(params, source, tmp_path / "out"))

    with pytest.raises(BadParams) as caught:
        fitted(most + 1)
    assert caught.value.hint == f"give a rank below {most + 1}"
    assert fitted(most)[-1].figures["remainder"] > 0


@pytest.mark.parametrize(
    ("rank", "kind", "error", "said"),
    [
        (2, "alike", BadInput, "all 6 images of .* are alike"),
        (6, "symmetric", BadParams, "6 components explain the 6 images of .* whole"),
    ],
)
def test_images_that_leave_no_variance_are_refused(tmp_path, rank, kind, error, said):
    source = few(tmp_path / "few", **{kind: True})
    flip = kind == "symmetric"
    params = GaussianTraining(rank=rank, passes=2, colors=1, flip=flip, held_out=0)
    with pytest.raises(error, match=said):
        list(train(params, source, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_the_command_line_fits_and_solves(pictures, tmp_path, capsys):
    out = tmp_path / "gaussian"
    assert cli.call(["train", "gaussian", str(pictures), "--out", str(out), "--rank", "2"]) == 0
    weights = out / "gaussian.safetensors"
    arguments = ["solve", str(pictures / "000.png"), "--solver", "gaussian:draws=2"]
    arguments += ["--prior", f"gaussian-images:weights={weights}", "--operator", "inpaint:keep=0.5"]
    assert cli.call([*arguments, "--out", str(tmp_path / "run"), "-q"]) == 0


def test_pictures_of_other_sizes_are_resized_or_cropped(pictures, tmp_path):
    Image.new("L", (12, 8), 128).save(pictures / "wide.png")
    params = {"rank": 2, "passes": 1, "colors": 1, "size": 4}
    with pytest.raises(BadInput, match="8×8 pixels; training needs squares of one size"):
        list(train(GaussianTraining(**params), pictures, tmp_path / "no"))
    framed = GaussianTraining(**params, resize=True, crop=True)
    list(train(framed, pictures, tmp_path / "yes"))
    prior = GaussianImages.pretrained(tmp_path / "yes" / "gaussian.safetensors")
    assert prior.image_shape == (1, 4, 4)
