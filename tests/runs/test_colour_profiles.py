"""Restored photographs keep their profile, and lie upright; converted colours are said."""

import numpy as np
import pytest
from PIL import Image

from invprob.cli import call
from invprob.config.experiment import Experiment
from invprob.runs import colour_profiles

NAMES = ("photo",)


def profile(space: bytes) -> bytes:
    """A profile without tags, for these colours."""
    header = bytearray(132)
    header[:4], header[16:20], header[36:40] = (132).to_bytes(4, "big"), space, b"acsp"
    return bytes(header)


RGB = profile(b"RGB ")


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A picture that lies on its side, with a profile: 24 pixels wide once it is upright."""
    monkeypatch.chdir(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    ramp = Image.linear_gradient("L").resize((16, 24)).convert("RGB")
    ramp.save("photo.jpg", exif=exif, icc_profile=RGB, quality=95)
    ramp.save("photo.png", icc_profile=RGB)
    return ramp


def found(channels=3, **named):
    experiment = Experiment.model_validate({"operator": ["identity"], **named})
    return colour_profiles.find(experiment, NAMES, channels)  # type: ignore[arg-type]


def test_a_restored_photograph_is_upright_and_keeps_its_profile(photo, capsys):
    words = ("--solver", "tv:steps=2", "--noise", "gaussian:sigma=0.05", "--operator", "identity")
    assert call(["solve", "photo.jpg", *words, "--out", "run", "-q"]) == 0
    assert call(["solve", "--measurement", "photo.png", *words, "--out", "own", "-q"]) == 0
    for out, size in (("run", (24, 16)), ("own", (16, 24))):
        with Image.open(f"{out}/restored.png") as restored:
            assert restored.size == size
            assert restored.info["icc_profile"] == RGB
            assert 0x0112 not in restored.getexif()
    with Image.open("run/restored.png") as restored:
        left_to_right = np.asarray(restored, float).mean((0, 2))
    assert left_to_right[0] > left_to_right[-1] + 100, "the top of what is stored is at the right"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("mode", "space", "channels", "said"),
    [
        ("RGB", b"RGB ", 1, "a colour profile for RGB, and its colours were converted to GRAY"),
        ("L", b"GRAY", 3, "a colour profile for GRAY, and its colours were converted to RGB"),
        ("CMYK", b"CMYK", 3, "a colour profile for CMYK, and its colours were converted to RGB"),
        ("RGB", b"RGB", 3, "is damaged"),
    ],
)
def test_what_cannot_be_kept_is_said(tmp_path, mode, space, channels, said):
    data = b"x" * 200 if said == "is damaged" else profile(space)
    Image.new(mode, (8, 8)).save(tmp_path / "photo.jpg", icc_profile=data)
    kept, (notice,) = found(channels, images=[str(tmp_path / "photo.jpg")])
    assert kept == {}
    assert said in notice


def test_grey_keeps_grey_and_files_that_have_none_or_are_gone_are_no_matter(tmp_path):
    path = tmp_path / "photo.png"
    Image.new("L", (8, 8)).save(path, icc_profile=profile(b"GRAY"))
    assert found(1, images=[str(path)]) == ({"photo": profile(b"GRAY")}, [])
    Image.new("L", (8, 8)).save(path)
    assert found(1, images=[str(path)]) == ({}, [])
    path.unlink()
    assert found(1, images=[str(path)]) == ({}, [])
    assert found(1, measurement=str(tmp_path / "y.npy")) == ({}, [])
    assert colour_profiles.find(None, NAMES, 3) == ({}, [])
    assert found(1, measurement=str(path)) == ({}, [])
    path.write_text("not a picture")
    (notice,) = found(3, measurement=str(path))[1]
    assert "may lack a colour profile" in notice
