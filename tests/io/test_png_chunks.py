"""How a PNG lies may be told before its pixels or behind them, in EXIF or in XMP."""

import pytest
from PIL import Image, ImageFile

from invprob.io import images
from tests.io.test_formats import chunk, png
from tests.io.test_images import picture

EXIF = Image.Exif()
EXIF[0x0112] = 6
XMP = b'XML:com.adobe.xmp\0\0\0\0\0<rdf:Description tiff:Orientation="6"/>'
RAW = EXIF.tobytes()
TOLD = {
    "EXIF": chunk(b"eXIf", RAW[6:] if RAW.startswith(b"Exif\0\0") else RAW),
    "XMP": chunk(b"iTXt", XMP),
    "a profile": chunk(
        b"tEXt", b"Raw profile type exif\0" + f"\nexif\n{len(RAW)}\n{RAW.hex()}".encode()
    ),
}


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("told", TOLD)
def test_the_size_is_that_of_the_upright_picture(tmp_path, told, behind):
    data = png(picture(6, 9))
    at = len(data) - 12 if behind else 33
    (tmp_path / "a.png").write_bytes(data[:at] + TOLD[told] + data[at:])
    (file,) = images.gather([tmp_path / "a.png"])
    assert file.size() == file.read().shape[1:] == (9, 6)


def test_other_texts_behind_the_pixels_do_not_have_them_decoded(tmp_path, monkeypatch):
    data = png(picture(6, 9))
    (tmp_path / "a.png").write_bytes(data[:-12] + chunk(b"tEXt", b"date\0today") + data[-12:])
    (file,) = images.gather([tmp_path / "a.png"])
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    assert file.size() == (6, 9)
