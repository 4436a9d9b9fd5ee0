"""Photographs of any size: what solves them, what is kept of them, what is found in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import invprob
from invprob.cli import call
from invprob.config import toml
from invprob.errors import BadInput
from invprob.io import images
from invprob.operator import compose, measured_pixels
from invprob_basics import Blur, Colorize, GaussianNoise, Identity, Inpaint, Superres

HEIGHT, WIDTH = 40, 56
FEW = ("--set", "solver.steps=2")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in a folder with pictures: (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    photo = np.stack([60 + 3 * rows, 80 + 2 * columns, 150 + rows - columns], -1).astype(np.uint8)
    Image.fromarray(photo).save("photo.png")
    Image.fromarray(np.where(_mask(), 255, 0).astype(np.uint8)).save("mask.png")
    marked = photo.copy()
    marked[~_mask()] = (255, 0, 255)
    Image.fromarray(marked).save("marked.png")
    rgba = np.dstack([photo, np.where(_mask(), 255, 0)]).astype(np.uint8)
    Image.fromarray(rgba).save("holes.png")
    Image.fromarray((1000 * rows + 13 * columns).astype(np.uint16)).save("deep.png")

    def words(*args: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = call(list(args))
        said = capsys.readouterr()
        return status, said.out, said.err

    return words


def _mask() -> np.ndarray:
    mask = np.ones((HEIGHT, WIDTH), bool)
    mask[10:13, 5:40] = False
    mask[20:35, 30:32] = False
    return mask


def _array(path: str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_photograph_goes_to_pnp_and_one_line_says_so(run: Run) -> None:
    status, out, err = run("solve", "photo.png", "--dry-run", "--operator", "superres")
    assert status == 0
    assert 'name = "pnp"' in out
    assert "samples = 1\n" in out
    assert "56×40 pixels: pnp restores it with the prior photo" in err
    assert "--resize --crop" in err
    assert run("solve", "photo.png", "--dry-run", "-q")[2] == ""
    # the image behind it is 64×64 or is not
    Image.new("RGB", (16, 16)).save("small.png")
    words = ("solve", "--measurement", "small.png", "--dry-run", "--operator")
    assert 'name = "sgilo"' in run(*words, "superres:factor=4")[1]
    assert 'name = "pnp"' in run(*words, "superres:factor=2")[1]
    assert "48×48 pixels" in run(*words, "blur:sigma=1|superres:factor=3")[2]


@pytest.mark.parametrize(
    "words",
    [
        ("small.png",), ("photo.png", "--resize"), ("photo.png", "--crop"),
        ("photo.png", "--solver", "csgm"), ("photo.png", "--generator", "stylegan2"),
        (),
    ],
)  # fmt: skip
def test_what_is_named_or_64x64_stays(run: Run, words: tuple[str, ...]) -> None:
    Image.new("RGB", (64, 64)).save("small.png")
    status, out, err = run("solve", *words, "--dry-run")
    assert (status, err) == (0, "")
    assert 'name = "pnp"' not in out
    assert "samples = 4\n" in out


def test_pictures_of_several_sizes_are_refused(run: Run) -> None:
    Image.new("RGB", (64, 64)).save("small.png")
    status, _, err = run("solve", "photo.png", "small.png")
    assert status == 2
    assert "several sizes: photo (56×40), small (64×64)" in err


def test_measured_pixels_are_kept_to_the_bit(run: Run) -> None:
    words = ("solve", "--measurement", "photo.png", "--operator", "inpaint:mask=mask.png", *FEW)
    status, out, _ = run(*words, "--keep-measured", "--out", "r")
    assert status == 0
    assert "r/restored.png" in out
    assert "χ²" in out.splitlines()[0]
    assert "mean" not in out.splitlines()[0]
    restored = _array("r/restored.png")
    assert np.array_equal(restored[_mask()], _array("photo.png")[_mask()])
    assert toml.read(Path("r/experiment.toml"))["noise"]["name"] == "none"
    Path("r/restored.png").unlink()
    Path("mask.png").unlink()
    assert run("resume", "r", "-q")[0] == 0
    assert np.array_equal(_array("r/restored.png"), restored)


def test_sixteen_bits_stay_sixteen(run: Run) -> None:
    words = ("solve", "--measurement", "deep.png", "--operator", "inpaint:mask=mask.png", *FEW)
    assert run(*words, "--keep-measured", "--out", "r", "-q")[0] == 0
    restored = _array("r/restored.png")
    assert restored.dtype == np.uint16
    assert np.array_equal(restored[_mask()], _array("deep.png")[_mask()])
    assert not np.array_equal(restored[~_mask()], _array("deep.png")[~_mask()])


def test_every_measurement_gets_a_picture(run: Run) -> None:
    Image.fromarray(_array("photo.png")[::-1]).save("other.png")
    words = ("solve", "photo.png", "other.png", "--operator", "inpaint:mask=mask.png", *FEW)
    assert run(*words, "--keep-measured", "--out", "r", "-q")[0] == 0
    for name in ("photo", "other"):
        restored = _array(f"r/restored/{name}.png")
        assert np.array_equal(restored[_mask()], _array(f"{name}.png")[_mask()])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--operator", "identity", "--noise", "gaussian:sigma=0.1"), "the measurement has noise"),
        (("--operator", "blur:sigma=1"), "blur does not measure single pixels"),
        (("--operator", "identity", "--resize"), "resized pixels are not those of the file"),
    ],
)
def test_measured_pixels_that_cannot_be_kept(run: Run, words: tuple[str, ...], says: str) -> None:
    given = ("solve", "--measurement", "photo.png", "--solver", "pnp", "--keep-measured")
    status, _, err = run(*given, *words, "--out", "r")
    assert status == 2
    assert f"measured pixels cannot be kept: {says}" in err
    assert not Path("r").exists()


def test_colours_of_sixteen_bits_cannot_be_kept(run: Run) -> None:
    Path("deep.ppm").write_bytes(b"P6 56 40 65535\n" + bytes(range(256)) * 52 + bytes(128))
    words = ("solve", "--measurement", "deep.ppm", "--operator", "identity", "--keep-measured")
    status, _, err = run(*words)
    assert status == 2
    assert "colours of 16 bits, of which 8 are read" in err


def test_which_operators_measure_pixels() -> None:
    shape = (3, 6, 8)
    mask = torch.rand(6, 8) < 0.5
    found = measured_pixels(Inpaint(mask, image_shape=shape))
    assert found is not None
    assert torch.equal(found, mask.expand(shape))
    both = compose([Identity(shape), Inpaint(mask, image_shape=shape)])
    assert torch.equal(measured_pixels(both), mask.expand(shape))
    assert measured_pixels(Identity(shape)).all()
    for other in (Blur(sigma=1.0, image_shape=shape), Superres(2, image_shape=shape)):
        assert measured_pixels(other) is None
    assert measured_pixels(Colorize(shape)) is None


@pytest.mark.parametrize("way", [("marked.png",), ("--measurement", "marked.png")])
def test_a_mask_is_found_by_its_colour_and_kept(run: Run, way: tuple[str, ...]) -> None:
    operator = "inpaint:mask=auto,color=#ff00ff,grow=0"
    words = ("solve", *way, "--operator", operator, *FEW, "--keep-measured")
    assert run(*words, "--out", "r", "-q")[0] == 0
    assert np.array_equal(_array("r/inputs/operator.0.mask.png") > 0, _mask())
    restored = _array("r/restored.png")
    assert np.array_equal(restored[_mask()], _array("photo.png")[_mask()])
    assert np.abs(restored[~_mask()].astype(int) - (255, 0, 255)).max(-1).min() > 60
    facts = json.loads(Path("r/manifest.json").read_text())
    assert "mask=auto,color=#ff00ff" in facts["settled"]["operator.0.mask"]
    assert "psnr_mean" not in json.loads(Path("r/metrics.json").read_text())["images"][0]
    Path("r").rename("moved")
    assert run("resume", "moved", "-q")[0] == 0
    assert np.array_equal(_array("moved/restored.png"), restored)
    Path("moved").rename("r")
    assert run("run", "r/experiment.toml", "--out", "again", "-q")[0] == 0
    assert np.array_equal(_array("again/restored.png"), restored)


def test_transparent_pixels_are_holes_and_holes_grow(run: Run) -> None:
    words = ("solve", "--measurement", "holes.png", "--operator", "inpaint:mask=auto", *FEW)
    assert run(*words, "--out", "r", "-q")[0] == 0
    grown = _array("r/inputs/operator.0.mask.png") > 0
    assert not grown[~_mask()].any()
    assert (~grown).sum() == 5 * 37 + 17 * 4
    same = invprob.solve(
        images.read_measurement("holes.png", holes=True),
        "pnp:steps=2",
        operator="inpaint:mask=auto,grow=0",
    )
    assert same.y.shape[1] == 3 * int(_mask().sum())


def test_each_picture_has_a_mask_of_its_own(run: Run) -> None:
    words = ("marked.png", "photo.png", "--operator", "inpaint:mask=auto,color=#ff00ff", *FEW)
    status, _, err = run("solve", *words, "--out", "r")
    assert status == 2
    assert "no pixel of the picture has the color #ff00ff" in err
    assert "continue with: invprob resume r" in err  # marked.png is finished by then
    assert Path("r/restored/marked.png").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("photo.png", "--operator", "inpaint:mask=auto,color=#00ff00"), "has the color #00ff00"),
        (("photo.png", "--operator", "inpaint:mask=auto"), "no pixel of the picture is transp"),
        (("photo.png", "--operator", "inpaint:mask=auto,color=red"), "color"),
        (("photo.png", "--operator", "inpaint:keep=0.5,color=#ff00ff"), "write mask=auto"),
        (("photo.png", "--operator", "inpaint:mask=auto,tolerance=0.2"), "no color is given"),
        (("photo.png", "--noise", "gaussian:sigma=auto"), "photo is a picture to degrade"),
        (("photo.png", "--noise", "gaussian:sigma=much"), "sigma"),
        (
            ("--measurement", "photo.png", "--operator", "inpaint:keep=0.01",
             "--noise", "gaussian:sigma=auto"),
            "too few of them side by side",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_found_is_said(run: Run, words: tuple[str, ...], says: str) -> None:
    status, _, err = run("solve", *words, "--out", "r")
    assert status == 2
    assert says in err
    assert not Path("r").exists()


def test_the_noise_is_estimated_said_and_kept(run: Run) -> None:
    photo = images.read("photo.png")
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    images.write_png("noisy.png", photo + 0.06 * noise)
    words = ("solve", "--measurement", "noisy.png", "--operator", "identity", *FEW)
    status, _, err = run(*words, "--noise", "gaussian:sigma=auto", "--out", "r")
    assert status == 0
    assert "noise estimated from the measurement: sigma = 0.0" in err
    found = toml.read(Path("r/experiment.toml"))["noise"]["sigma"]
    assert found == pytest.approx(0.06, rel=0.15)
    facts = json.loads(Path("r/manifest.json").read_text())
    assert facts["settled"]["noise"] == f"gaussian:sigma=auto: estimated sigma={found:g}"
    assert facts["experiment"]["noise"]["sigma"] == found
    before = Path("r/result.safetensors").read_bytes()
    assert run("resume", "r", "-q")[0] == 0
    assert Path("r/result.safetensors").read_bytes() == before
    assert run("run", "r/experiment.toml", "--out", "again", "-q")[0] == 0
    assert Path("again/result.safetensors").read_bytes() == before


def test_compressed_measurements_do_not_tell_their_noise(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="that is not a picture cannot be estimated"):
        invprob.solve(
            torch.zeros(1, 1229),
            "csgm:steps=1",
            generator="stylegan2",
            operator="compressed:ratio=0.1",
            noise="gaussian:sigma=auto",
        )
    with pytest.raises(invprob.errors.BadParams, match="sigma=auto is estimated"):
        GaussianNoise("auto")


def test_grey_measurements_of_colour_pictures(run: Run) -> None:
    with Image.open("photo.png") as picture:
        picture.convert("L").save("grey.png")
    words = ("solve", "--measurement", "grey.png", "--operator")
    assert run(*words, "colorize", *FEW, "--out", "r", "-q")[0] == 0
    assert _array("r/restored.png").shape == (HEIGHT, WIDTH, 3)
    assert run(*words, "superres:factor=2", *FEW, "--out", "s", "-q")[0] == 0
    assert _array("s/restored.png").shape == (2 * HEIGHT, 2 * WIDTH)
