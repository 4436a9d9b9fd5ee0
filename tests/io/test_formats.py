"""Pictures, masks, arrays and archives as people have them."""

import io
import logging
import struct
import zipfile
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as some
from PIL import Image, ImageOps, PngImagePlugin, features

from invprob.errors import BadInput, InvprobError
from invprob.io import checkpoint, collection, image_dataset, images
from invprob.params.pictures import PictureSet
from tests.io.test_images import picture, refusal, tensor

JUNK = b"\0\5\26\7\0\2\0\0Mac OS X"


def png(array=None):
    """The bytes of a PNG."""
    out = io.BytesIO()
    Image.fromarray(picture() if array is None else array).save(out, "PNG")
    return out.getvalue()


def chunk(kind, data):
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("name", ["a.gif", "a.avif", "a.jp2", "a.tif"])
def test_more_formats(tmp_path, name):
    needed = {"a.avif": "avif", "a.jp2": "jpg_2000"}.get(name)
    if needed and not features.check(needed):
        pytest.skip(f"Pillow without {needed}")
    smooth = np.tile(np.linspace(40, 200, 32).astype(np.uint8)[:, None, None], (1, 32, 3))
    options = {"big_tiff": True} if name == "a.tif" else {}
    Image.fromarray(smooth).save(tmp_path / name, **options)
    assert (images.read(tmp_path / name) - tensor(smooth)).abs().max() < 0.05
    (file,) = images.gather([tmp_path])
    assert file.size() == (32, 32)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"II*\0\x10\0\0\0CR\2\0", "raw picture"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"<!DOCTYPE html>", "web page"),
        (b"\n <svg xmlns", "SVG"),
        (b"version https://git-lfs.github.com", "Git LFS"),
    ],
)
def test_what_is_refused_is_named(tmp_path, data, says):
    (tmp_path / "a.png").write_bytes(data)
    assert says in refusal(images.read, tmp_path / "a.png")


def test_a_preview_of_a_raw_picture_is_not_the_picture(tmp_path):
    for tag, value in ((254, 1), (50706, b"\1\4\0\0")):
        Image.new("RGB", (8, 8)).save(tmp_path / "a.tif", tiffinfo={tag: value})
        assert "reduced preview" in refusal(images.read, tmp_path / "a.tif")


def test_texts_and_profiles_that_unpack_to_more_than_a_mebibyte(tmp_path):
    array = picture()
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3 << 20)))
    data = png(array)
    for at in (33, len(data) - 12):  # behind the header, behind the pixels
        (tmp_path / "a.png").write_bytes(data[:at] + text + data[at:])
        assert torch.equal(images.read(tmp_path / "a.png"), tensor(array))
    (tmp_path / "a.png").write_bytes(data[:33] + text + data[33:-20])
    refusal(images.read, tmp_path / "a.png")


def test_the_transparent_grey_of_sixteen_and_of_few_bits(tmp_path):
    deep = np.array([[0, 40000, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png", transparency=40000)
    assert images.read_grey(tmp_path / "deep.png").tolist() == [[0, 1, 1]]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, 2, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + bytes([0b00011011])))
    key = chunk(b"tRNS", struct.pack(">H", 1))
    data = b"\x89PNG\r\n\x1a\n" + header + key + pixels + chunk(b"IEND", b"")
    (tmp_path / "few.png").write_bytes(data)
    found = images.read_grey(tmp_path / "few.png")
    assert torch.allclose(found, torch.tensor([[0, 1, 2 / 3, 1]]))
    wide = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + struct.pack(">6H", 256, 0, 0, 512, 0, 0)))
    key = chunk(b"tRNS", struct.pack(">3H", 256, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + wide + key + pixels + chunk(b"IEND", b"")
    (tmp_path / "wide.png").write_bytes(data)
    assert images.read(tmp_path / "wide.png")[0, 0].tolist() == pytest.approx([1, 2 / 255])


def test_sizes_are_those_of_upright_pictures(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "a.png", "a.tiff", "a.webp"):
        Image.new("RGB", (32, 16)).save(tmp_path / name, exif=exif)
        (file,) = images.gather([tmp_path / name])
        assert file.size() == file.read().shape[1:] == (32, 16)


def test_masks_in_the_transparency(tmp_path):
    alpha = np.array([[0, 255, 255]], np.uint8)
    for grey in ([255, 255, 255], [0, 255, 200]):
        layers = [Image.fromarray(np.array([grey], np.uint8))] * 3 + [Image.fromarray(alpha)]
        Image.merge("RGBA", layers).save(tmp_path / "m.png")
        assert images.read_mask(tmp_path / "m.png").tolist() == [[0, 1, 1]]
    layers[:3] = [Image.fromarray(np.array([[255, 0, 255]], np.uint8))] * 3
    Image.merge("RGBA", layers).save(tmp_path / "m.png")
    assert "transparent pixels and dark ones" in refusal(images.read_mask, tmp_path / "m.png")
    Image.merge("RGBA", [*layers[:3], Image.new("L", (3, 1), 255)]).save(tmp_path / "m.png")
    assert images.read_mask(tmp_path / "m.png").tolist() == [[1, 0, 1]]


def test_masks_as_arrays(tmp_path):
    kept = np.array([[True, False]])
    for values in (kept, kept.astype(int), kept.astype(np.uint8) * 255, kept.astype(np.float16)):
        np.save(tmp_path / "m.npy", values)
        assert images.read_mask(tmp_path / "m.npy").tolist() == [[1, 0]]
        np.savez(tmp_path / "m.npz", mask=values, other=values)
        assert images.read_mask(tmp_path / "m.npz").tolist() == [[1, 0]]
    np.save(tmp_path / "m.npy", np.array([[np.nan]]))
    assert "NaN" in refusal(images.read_mask, tmp_path / "m.npy")
    assert "no file or folder" in refusal(images.read_mask, tmp_path / "none.npy")
    (tmp_path / "f.npy").mkdir()
    assert "is a folder" in refusal(images.read_mask, tmp_path / "f.npy")


def test_what_is_transparent_in_a_measurement_is_not_measured(tmp_path):
    rgba = np.array([[[255, 0, 0, 0], [255, 0, 0, 255]]], np.uint8)
    Image.fromarray(rgba).save(tmp_path / "y.png")
    found = images.read_measurement(tmp_path / "y.png", holes=True)
    assert found[:, 0, 0].isnan().all()
    assert found[:, 0, 1].tolist() == [1, 0, 0]


@pytest.fixture(params=["folder", "zip"])
def collected(request, tmp_path):
    """Two pictures among what systems and people put beside them."""
    inside = {
        "a.PNG": png(),
        "thing.png/b.png": png(),
        "thing.png/._b.png": JUNK,
        "__MACOSX/._a.png": JUNK,
        "__MACOSX/a.png": JUNK,
        ".ipynb_checkpoints/a-checkpoint.png": png(),
        ".DS_Store": b"",
        "thing.png/Thumbs.db": b"",
        "notes.txt": b"hello",
        "c.heic": b"\0\0\0\x18ftypheic",
    }
    place = tmp_path / "set"
    if request.param == "zip":
        place = place.with_suffix(".zip")
        with zipfile.ZipFile(place, "w") as archive:
            for name, data in inside.items():
                archive.writestr(name, data)
        return place
    for name, data in inside.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


def test_a_folder_and_a_zip_file_are_searched_alike(collected, caplog):
    with caplog.at_level(logging.WARNING):
        files = images.gather([collected])
    assert [file.name for file in files] == ["a", "b"]
    assert [record.message for record in caplog.records] == [
        f"{collected}: 2 left out, which are not pictures: c.heic, notes.txt"
    ]


def test_a_training_set_is_read_alike(tmp_path, collected):
    square = png(picture(8, 8))
    if collected.suffix == ".zip":
        with zipfile.ZipFile(collected) as archive:
            names = [n for n in archive.namelist() if n.lower().endswith("png") and "/._" not in n]
        again = tmp_path / "again.zip"
        with zipfile.ZipFile(again, "w") as archive:
            for name in names:
                archive.writestr(name, square)
            archive.writestr("__MACOSX/._a.png", JUNK)
        collected = again
    else:
        for name in ("a.PNG", "thing.png/b.png"):
            (collected / name).write_bytes(square)
    data, names = image_dataset.read(collected, 3)
    assert data.shape == (2, 3, 8, 8)
    assert names == ["a.PNG", "thing.png/b.png"]


@pytest.mark.parametrize(
    ("names", "below"),
    [
        (["/a/1.png", "a/2.png"], ["/a/1.png", "a/2.png"]),
        (["a/b/1.png", "a/c/2.png", "a/3.png"], ["b/1.png", "c/2.png", "3.png"]),
        (["a/1.png", "ab/2.png"], ["a/1.png", "ab/2.png"]),
        (["1.png"], ["1.png"]),
    ],
)
def test_the_folders_that_all_names_share_are_taken_away(names, below):
    assert image_dataset.below_common_folder(names) == below


def test_a_training_set_of_photographs(tmp_path):
    for i, (height, width) in enumerate([(12, 20), (16, 8), (8, 8)]):
        (tmp_path / f"{i}.png").write_bytes(png(picture(height, width, seed=i)))
    assert "squares of one size" in refusal(image_dataset.read, tmp_path, 3)
    asked = PictureSet(size=8, resize=True, crop=True, held_out=0.34)
    found = image_dataset.load(tmp_path, 3, asked)
    assert found.images.shape == (3, 3, 8, 8)
    assert torch.equal(found.images[2], torch.from_numpy(picture(8, 8, seed=2)).permute(2, 0, 1))
    assert len(found.train) == 2
    assert len(found.held_out) == 1
    assert image_dataset.load(tmp_path, 3, asked).digest == found.digest
    (tmp_path / "2.png").write_bytes(png(picture(8, 8, seed=3)))
    assert image_dataset.load(tmp_path, 3, asked).digest != found.digest
    with pytest.raises(BadInput, match="pixels; training needs"):
        image_dataset.read(tmp_path, 3, PictureSet(size=8, crop_at="top"))


def test_a_training_goes_on_only_as_it_began(tmp_path):
    began = {"params": {"batch": 500, "channels": [16]}, "data": "a"}
    now = {"batch": 500, "channels": [16], "new": None}
    checkpoint.check_training(tmp_path, began, now, "a")
    checkpoint.check_training(tmp_path, {"params": began["params"]}, now, "b")
    said = refusal(checkpoint.check_training, tmp_path, began, {**now, "batch": 250}, "a")
    assert said.endswith("with other parameters: batch=500 and not 250")
    assert "other data" in refusal(checkpoint.check_training, tmp_path, began, now, "b")


def test_damaged_and_encrypted_archives(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    with zipfile.ZipFile(tmp_path / "crc.zip", "w") as archive:
        archive.writestr("a.png", png(array))
    data = bytearray((tmp_path / "crc.zip").read_bytes())
    (tmp_path / "crc.zip").write_bytes(data[:300] + bytes(10) + data[310:])
    data[6] |= 1
    data[data.rfind(b"PK\1\2") + 8] |= 1
    (tmp_path / "enc.zip").write_bytes(data)
    (tmp_path / "none.zip").write_bytes(b"hello")
    for name, says in (("crc", "CRC"), ("enc", "encrypted"), ("none", "not a zip file")):
        for read in (
            lambda path: [file.read() for file in images.gather([path])],
            lambda path: image_dataset.read(path, 3),
        ):
            assert says in refusal(read, tmp_path / f"{name}.zip")


def test_names_are_cut_and_stay_apart(tmp_path):
    for name in ("x" * 246 + ".png", "x" * 245 + "y.png", "漢" * 80 + ".png"):
        (tmp_path / name).write_bytes(png())
    names = [file.name for file in images.gather([tmp_path])]
    assert len(set(names)) == 3
    assert all(len(f"{name}-4095.png".encode()) < 143 for name in names)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300))
def test_any_name_is_safe(name):
    found = collection.safe(name)
    assert 0 < len(found.encode()) <= collection.LONGEST
    assert not set(found) & set('/\\:*?"<>|\n\0')


SHAPES = some.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
DTYPES = st.one_of(
    some.boolean_dtypes(),
    some.integer_dtypes(),
    some.floating_dtypes(),
    some.complex_number_dtypes(),
)


@given(some.arrays(DTYPES, SHAPES))
def test_any_array_as_mask_kernel_or_measurement_is_read_or_a_sentence(tmp_path_factory, array):
    path = tmp_path_factory.getbasetemp() / "any.npy"
    np.save(path, array)
    for read in (images.read_mask, images.read_measurement):
        try:
            found = read(path)
        except InvprobError as fault:
            sentence = fault.message
        else:
            assert found.isfinite().all()
            sentence = ""
        assert "\n" not in sentence


def test_orientation_in_a_text_of_old_software_is_kept(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    info = PngImagePlugin.PngInfo()
    raw = exif.tobytes()
    info.add_text("Raw profile type exif", f"\nexif\n{len(raw)}\n{raw.hex()}", zip=True)
    upright = ImageOps.exif_transpose
    Image.new("RGB", (32, 16)).save(tmp_path / "a.png", pnginfo=info)
    assert upright(Image.open(tmp_path / "a.png")).size == (16, 32)
    assert images.read(tmp_path / "a.png").shape == (3, 32, 16)
    with pytest.raises(BadInput):
        images.read(tmp_path / "b.png")
