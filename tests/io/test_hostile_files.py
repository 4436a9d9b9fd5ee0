"""Files that break readers elsewhere: each is read, or refused in a sentence."""

import os
import struct
import warnings
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image, TiffImagePlugin
from safetensors.torch import save_file

from invprob.errors import BadInput
from invprob.io import collection, images
from tests.io.test_formats import png
from tests.io.test_images import picture


def npy(path, header):
    """A file of numpy with a header of our own, and hardly any numbers."""
    header += b" " * (117 - len(header)) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + bytes(64))


CLAIMS = {
    "720 GB": b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 100000, 9), }",
    "negative": b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 3), }",
    "nested": b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"(" * 5000 + b")",
    "no type": b"{'descr': '<q9', 'fortran_order': False, 'shape': (2,), }",
    "code": b"__import__('os').abort()",
}


@pytest.mark.parametrize("name", CLAIMS)
def test_headers_that_promise_what_is_not_there(tmp_path, name):
    npy(tmp_path / "y.npy", CLAIMS[name])
    with pytest.raises(BadInput, match=r"y\.npy"):
        images.read_measurement(tmp_path / "y.npy")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, [("a", "f4"), ("b", "i4")]),
        np.array([1, None], object),
        np.array(["2020-01-01"], "M8[D]"),
        np.array(["a"]),
        np.array([b"ab"], "V2"),
        np.ones((2, 2), complex),
        np.zeros((0, 3)),
    ],
    ids=lambda a: str(a.dtype),
)
def test_arrays_that_are_not_numbers(tmp_path, array):
    np.save(tmp_path / "y.npy", array)
    for read in (images.read_measurement, images.read_mask):
        with pytest.raises(BadInput, match=r"y\.npy"):
            read(tmp_path / "y.npy")


@pytest.mark.parametrize("dtype", [">f8", "<f2", "longdouble"])
def test_arrays_of_any_layout(tmp_path, dtype):
    given = np.asfortranarray(np.random.default_rng(0).random((3, 4, 5))).astype(dtype)
    np.save(tmp_path / "y.npy", given)
    read = images.read_measurement(tmp_path / "y.npy")
    assert np.array_equal(read.numpy(), given.astype(np.float32))


def test_safetensors_that_lie(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    save_file({}, tmp_path / "b.safetensors")
    save_file({"measurement": torch.zeros(2, 0)}, tmp_path / "c.safetensors")
    for name in "abc":
        with pytest.raises(BadInput, match=rf"{name}\.safetensors"):
            images.read_measurement(tmp_path / f"{name}.safetensors")


def test_safetensors_of_numbers_that_torch_cannot_convert(tmp_path):
    header = b'{"measurement":{"dtype":"F4","shape":[2,4],"data_offsets":[0,4]}}'
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(BadInput, match=r"a\.safetensors cannot be read as numbers"):
        images.read_measurement(tmp_path / "a.safetensors")


def test_members_of_an_archive_that_are_not_arrays_are_left_out(tmp_path):
    given = np.ones((3, 4, 4), np.float32)
    np.savez(tmp_path / "a.npz", measurement=given)
    np.savez(tmp_path / "b.npz")
    for name in "ab":
        with zipfile.ZipFile(tmp_path / f"{name}.npz", "a") as archive:
            archive.writestr("readme.txt", "of whom this is")
    assert np.array_equal(images.read_measurement(tmp_path / "a.npz").numpy(), given)
    with pytest.raises(BadInput, match="holds no array 'measurement'"):
        images.read_measurement(tmp_path / "b.npz")


def test_a_tiff_says_anything_of_its_size(tmp_path):
    for kind, value in ((2, "large"), (12, float("nan"))):
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags.tagtype[254], tags[254] = kind, value
        Image.fromarray(picture()).save(tmp_path / "a.tif", tiffinfo=tags)
        assert images.read(tmp_path / "a.tif").shape == (3, 6, 9)


def test_folders_with_links_pipes_and_folders_like_pictures(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.png")
    (tmp_path / "b.png").mkdir()
    os.symlink("..", tmp_path / "up")
    os.symlink("nowhere.png", tmp_path / "c.png")
    os.symlink("d.png", tmp_path / "d.png")
    os.mkfifo(tmp_path / "e.png")
    assert [file.name for file in collection.gather([tmp_path])] == ["a"]
    with pytest.raises(BadInput, match="there is no file or folder"):
        collection.gather([tmp_path / "d.png"])


def test_archives_of_any_names(tmp_path):
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name in ("/etc/a.png", "../../b.png", "c.png", "c.png", "d.png/"):
            archive.writestr(name, b"" if name.endswith("/") else png())
    files = collection.gather([tmp_path / "a.zip"])
    # a name that leads out of the archive is passed over as hidden
    assert [file.name for file in files] == ["a", "c", "c-2"]
    assert all(file.read(3).shape == files[0].read(3).shape for file in files)


def test_a_zip_that_unpacks_to_far_more(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(2**28 + 1))
    with pytest.raises(BadInput, match="unpacks to more than 256 MiB"):
        collection.gather([tmp_path / "a.zip"])[0].read(3)


def test_a_mask_lies_as_its_picture_does(tmp_path):
    """The orientation that a camera notes turns a mask as it turns a picture."""
    turned = Image.Exif()
    turned[274] = 6
    Image.new("L", (10, 12)).save(tmp_path / "a.jpg", exif=turned)
    assert images.read_mask(tmp_path / "a.jpg").shape == images.read(tmp_path / "a.jpg").shape[1:]
