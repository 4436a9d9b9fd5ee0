"""Pictures that people have: every mode, every damage, and sizes nobody should decode."""

import errno
import io
import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from invprob.errors import BadInput
from invprob.io import collection, images


def picture(height=6, width=9, channels=3, seed=0):
    """A random 8-bit picture as an array."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def tensor(array):
    """An 8-bit array as (C, H, W) in [0, 1]."""
    values = torch.from_numpy(array.astype(np.float32) / 255)
    return values[None] if values.dim() == 2 else values.permute(2, 0, 1)


def refusal(call, *args, **kwargs):
    """The message of the `BadInput` that a call must raise; one sentence, with a hint."""
    with pytest.raises(BadInput) as caught:
        call(*args, **kwargs)
    message = caught.value.message
    assert "\n" not in message
    assert not message.endswith(".")
    assert caught.value.hint
    return message


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "ppm"])
def test_lossless_formats_are_read_exactly(tmp_path, suffix):
    array = picture()
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(array).save(path)
    image = images.read(path)
    assert image.dtype == torch.float32
    assert image.shape == (3, 6, 9)
    assert torch.equal(image, tensor(array))


def test_webp_lossless_and_lossy_and_jpeg(tmp_path):
    smooth = np.tile(np.linspace(40, 200, 32).astype(np.uint8)[:, None, None], (1, 32, 3))
    Image.fromarray(smooth).save(tmp_path / "a.webp", lossless=True)
    assert torch.equal(images.read(tmp_path / "a.webp"), tensor(smooth))
    for name in ("b.webp", "c.jpg"):
        Image.fromarray(smooth).save(tmp_path / name, quality=95)
        assert (images.read(tmp_path / name) - tensor(smooth)).abs().max() < 0.03


def test_the_content_decides_not_the_suffix(tmp_path):
    array = picture()
    Image.fromarray(array).save(tmp_path / "a.jpg", "PNG")
    assert torch.equal(images.read(tmp_path / "a.jpg"), tensor(array))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = 255
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](upright)))
    for name in ("a.jpg", "a.png", "a.tiff"):
        stored.save(tmp_path / name, exif=exif, **({"quality": 100} if name == "a.jpg" else {}))
        image = images.read(tmp_path / name)
        assert image.shape == (3, 16, 32), name
        assert (image - tensor(upright)).abs().max() < 0.05, name


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_sixteen_bit_grey_keeps_its_precision(tmp_path, suffix, mode):
    values = np.array([[0, 1, 255], [256, 40000, 65535]], np.uint16)
    raw = values.astype(">u2" if mode == "I;16B" else "<u2").tobytes()
    path = tmp_path / f"a.{suffix}"
    Image.frombytes(mode, (3, 2), raw).save(path)
    grey = images.read_grey(path)
    assert torch.equal(grey, torch.from_numpy(values.astype(np.float32) / 65535))
    assert torch.equal(images.read(path), grey.expand(3, 2, 3))


def test_sixteen_bit_pgm(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 2 1 65535\n" + struct.pack(">HH", 40000, 65535))
    assert torch.allclose(images.read_grey(path), torch.tensor([[40000 / 65535, 1.0]]))


def test_transparency_is_laid_on_white(tmp_path):
    Image.fromarray(
        np.array([[[255, 0, 0, 0], [255, 0, 0, 51], [10, 20, 30, 255]]], np.uint8)
    ).save(tmp_path / "rgba.png")
    rgba = images.read(tmp_path / "rgba.png")
    expected = torch.tensor([[1, 1, 1], [1, 0.8, 0.8], [10 / 255, 20 / 255, 30 / 255]]).T
    assert torch.allclose(rgba[:, 0], expected)
    Image.fromarray(np.array([[[0, 0], [0, 102], [70, 255]]], np.uint8), "LA").save(
        tmp_path / "la.png"
    )
    la = images.read(tmp_path / "la.png", None)
    assert la.shape == (1, 1, 3)
    assert torch.allclose(la[0, 0], torch.tensor([1.0, 0.6, 70 / 255]))


def test_palettes_with_and_without_transparency(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "p.png")
    assert images.read(tmp_path / "p.png")[:, 0].T.tolist() == [[1, 0, 0], [0, 0, 1]]
    palette.save(tmp_path / "key.png", transparency=1)
    assert images.read(tmp_path / "key.png")[:, 0].T.tolist() == [[1, 0, 0], [1, 1, 1]]
    palette.save(tmp_path / "bytes.png", transparency=b"\x00\xff")
    assert images.read(tmp_path / "bytes.png")[:, 0].T.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_grey_and_colour_become_each_other(tmp_path):
    grey = picture(channels=1)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert torch.equal(images.read(tmp_path / "grey.png"), tensor(grey).expand(3, -1, -1))
    assert torch.equal(images.read(tmp_path / "grey.png", 1), tensor(grey))
    colour = picture()
    Image.fromarray(colour).save(tmp_path / "colour.png")
    luma = (tensor(colour) * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0)
    assert torch.allclose(images.read_grey(tmp_path / "colour.png"), luma)
    assert images.read(tmp_path / "colour.png", None).shape[0] == 3
    assert images.read(tmp_path / "grey.png", None).shape[0] == 1


def test_bilevel_and_cmyk(tmp_path):
    Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1").save(tmp_path / "bw.png")
    assert images.read_grey(tmp_path / "bw.png").tolist() == [[0, 1]]
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg", quality=95)
    red = images.read(tmp_path / "cmyk.jpg")[:, 0, 0]
    assert (red - torch.tensor([1.0, 0, 0])).abs().max() < 0.05


def test_first_frame_of_an_animation(tmp_path, caplog):
    first, second = picture(seed=1), picture(seed=2)
    for name in ("a.png", "a.tiff"):
        Image.fromarray(first).save(
            tmp_path / name, save_all=True, append_images=[Image.fromarray(second)]
        )
        assert torch.equal(images.read(tmp_path / name), tensor(first))
        assert (
            caplog.messages[-1] == f"{tmp_path / name}: the first of its frames or pages is taken"
        )


def test_white_unknown_is_refused(tmp_path):
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "f.tiff")
    assert "floating-point" in refusal(images.read, tmp_path / "f.tiff")
    Image.fromarray(np.ones((2, 2), np.int32)).save(tmp_path / "i.tiff")
    assert "32-bit integers" in refusal(images.read, tmp_path / "i.tiff")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff", "ppm"])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.9])
def test_truncated_pictures_are_refused(tmp_path, suffix, part):
    whole = io.BytesIO()
    kind = {"jpg": "JPEG", "tiff": "TIFF"}.get(suffix, suffix.upper())
    Image.fromarray(picture(64, 64)).save(whole, kind)
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * part)])
    assert "cut" in refusal(images.read, path)


def test_a_flipped_byte_is_never_a_traceback(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "flipped"
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM"):
        whole = io.BytesIO()
        Image.fromarray(picture(16, 16)).save(whole, kind)
        for _ in range(40):
            data = bytearray(whole.getvalue())
            for at in rng.integers(0, min(len(data), 120), 2):
                data[at] = rng.integers(0, 256)
            path.write_bytes(data)
            try:
                image = images.read(path)
            except BadInput:
                continue
            assert image.isfinite().all()


def png_header(width, height):
    """A PNG that claims a size and holds nothing."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8001, 10_000, 50_000])
def test_huge_pictures_are_refused_from_the_header(tmp_path, side):
    path = tmp_path / "huge.png"
    path.write_bytes(png_header(side, side))
    message = refusal(images.read, path)
    assert f"{side}×{side}" in message
    assert "64 million" in message


def test_what_is_no_picture(tmp_path):
    path = tmp_path / "text.png"
    path.write_text("this is not a picture")
    assert "text.png is not an image" in refusal(images.read, path)
    path.write_bytes(b"")
    assert "empty" in refusal(images.read, path)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    assert "not an image that can be read: it is a PDF" in refusal(images.read, tmp_path / "a.pdf")
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    refusal(images.read, path)
    assert "there is no file" in refusal(images.read, tmp_path / "missing.png")
    assert "folder" in refusal(images.read, tmp_path)
    Image.fromarray(picture()).save(path)
    assert "4 channels" in refusal(images.read, path, 4)


def test_damaged_exif_does_not_refuse_the_picture(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(picture(16, 16)).save(path, exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert images.read(path).shape == (3, 16, 16)


def test_fit_does_only_what_was_asked():
    image = torch.rand(3, 96, 128, generator=torch.Generator().manual_seed(0))
    assert images.fit(image, (3, 96, 128)) is image
    message = refusal(images.fit, image, (3, 64, 64), name="photo.png")
    assert message == "photo.png is 128×96 pixels, and the generator takes 64×64"
    resized = images.fit(image, (3, 64, 64), resize=True)
    cropped = images.fit(image, (3, 64, 64), crop=True)
    both = images.fit(image, (3, 64, 64), resize=True, crop=True)
    for out in (resized, cropped, both):
        assert out.shape == (3, 64, 64)
        assert out.min() >= 0
        assert out.max() <= 1
    assert torch.equal(cropped, image[:, 16:80, 32:96])
    assert torch.equal(both, images.fit(image[:, :, 16:112], (3, 64, 64), resize=True))
    small = refusal(images.fit, image, (3, 256, 64), crop=True, name="x")
    assert "too small to crop 64×256" in small
    assert images.fit(image, (3, 256, 256), resize=True, crop=True).shape == (3, 256, 256)


def test_resize_is_antialiased():
    stripes = torch.zeros(1, 64, 64)
    stripes[:, ::2] = 1
    assert (images.fit(stripes, (1, 8, 8), resize=True) - 0.5).abs().max() < 0.05


def test_gather_files_folders_and_zips(tmp_path):
    folder = tmp_path / "faces"
    (folder / "inner").mkdir(parents=True)
    for name in ("b.png", "a.png", "inner/c.png", ".hidden.png"):
        Image.fromarray(picture()).save(folder / name, "PNG")
    (folder / "notes.txt").write_text("not a picture")
    archive = tmp_path / "more.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("x/a.png", "y/a.png", "__MACOSX/x/a.png", "readme.md"):
            file.write(folder / "a.png", name)
    single = tmp_path / "A.png"
    Image.fromarray(picture()).save(single)
    files = images.gather([folder, str(archive), single])
    assert [f.name for f in files[:5]] == ["a", "b", "c", "x-a", "y-a"]
    assert files[5].name.endswith("-A")
    assert len({f.name.casefold() for f in files}) == 6
    assert files[4].label == f"{archive}/y/a.png"
    assert all(torch.equal(f.read(), tensor(picture())) for f in files)
    assert len({f.name for f in images.gather([single, single, single])}) == 3


def test_gather_refuses_what_is_empty_or_missing(tmp_path):
    assert "holds no images" in refusal(images.gather, [tmp_path])
    assert "there is no file or folder" in refusal(images.gather, [tmp_path / "none"])
    empty = tmp_path / "empty.zip"
    zipfile.ZipFile(empty, "w").close()
    assert "zip file" in refusal(images.gather, [empty])
    empty.write_bytes(b"PK\x03\x04 damaged")
    assert "cannot be read" in refusal(images.gather, [empty])


def test_a_zip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(collection, "MAX_MEMBER", 1000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.png", bytes(100_000))
    (bomb,) = images.gather([path])
    assert "unpacks to more than" in refusal(bomb.read)


def zip_of(path, arrays):
    with zipfile.ZipFile(path, "w") as file:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            Image.fromarray(array).save(buffer, "PNG")
            file.writestr(name, buffer.getvalue())


def test_a_zip_file_is_opened_once(tmp_path, monkeypatch):
    """Reading its directory anew for each of many pictures took most of the time."""
    path = tmp_path / "many.zip"
    zip_of(path, {f"{i}.png": picture(seed=i) for i in range(5)})
    opened = []
    monkeypatch.setattr(
        zipfile, "ZipFile", lambda p, plain=zipfile.ZipFile: opened.append(p) or plain(p)
    )
    files = images.gather([path])
    assert len({file.size() for file in files}) == 1
    for i, file in enumerate(files):
        assert torch.equal(file.read(), tensor(picture(seed=i)))
    assert opened == [path]
    monkeypatch.setattr("os.getpid", lambda: -1)  # as in a process that is forked from this one
    assert torch.equal(files[0].read(), tensor(picture(seed=0)))
    assert opened == [path, path]


def test_a_zip_file_that_is_replaced_is_opened_anew(tmp_path):
    path = tmp_path / "few.zip"
    zip_of(path, {"a.png": picture(seed=1)})
    (file,) = images.gather([path])
    file.read()
    zip_of(path, {"0.png": picture(seed=3), "a.png": picture(seed=2)})
    assert torch.equal(file.read(), tensor(picture(seed=2)))


def test_write_png_rounds_clamps_and_leaves_nothing_half_written(tmp_path):
    image = torch.tensor([[[-1.0, 0.0, 0.5], [1.0, 2.0, float("nan")]]])
    path = tmp_path / "new" / "a.png"
    images.write_png(path, image)
    assert np.asarray(Image.open(path)).tolist() == [[0, 0, 128], [255, 255, 0]]
    array = picture()
    images.write_png(path, tensor(array))
    assert torch.equal(images.read(path), tensor(array))
    assert list(path.parent.iterdir()) == [path]
    (tmp_path / "file").touch()
    assert "cannot be written" in refusal(images.write_png, tmp_path / "file" / "a.png", image)


def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    images.write_png(path, torch.ones(1, 2, 2))
    before = path.read_bytes()

    def full(self, place, *args, **options):
        Path(place).write_bytes(before[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    message = refusal(images.write_png, path, torch.zeros(1, 2, 2))
    assert message == f"{path} cannot be written: no space left on device"
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_measurements_as_numbers_and_as_pictures(tmp_path):
    y = torch.randn(4, 7, generator=torch.Generator().manual_seed(0))
    safetensors.torch.save_file({"measurement": y, "names": y * 0}, tmp_path / "y.safetensors")
    np.savez(tmp_path / "y.npz", measurement=y.double().numpy(), other=np.zeros(2))
    np.savez(tmp_path / "only.npz", y=y.numpy())
    np.save(tmp_path / "y.npy", y.numpy())
    for name in ("y.safetensors", "y.npz", "only.npz", "y.npy"):
        read = images.read_measurement(tmp_path / name)
        assert read.dtype == torch.float32
        assert torch.equal(read, y)
    half = {"measurement": y.bfloat16()}
    safetensors.torch.save_file(half, tmp_path / "half.safetensors")
    assert torch.equal(images.read_measurement(tmp_path / "half.safetensors"), y.bfloat16().float())
    Image.fromarray(picture(channels=1)).save(tmp_path / "y.png")
    assert images.read_measurement(tmp_path / "y.png").shape == (1, 6, 9)


def test_measurements_with_nan_are_counted(tmp_path):
    y = np.zeros((2, 8), np.float32)
    y[0, :2], y[1, 3] = np.nan, np.inf
    np.savez(tmp_path / "y.npz", measurement=y)
    np.save(tmp_path / "y.npy", y)
    safetensors.torch.save_file({"y": torch.from_numpy(y)}, tmp_path / "y.safetensors")
    for name in ("y.npz", "y.npy", "y.safetensors"):
        assert "in 3 of its 16 values" in refusal(images.read_measurement, tmp_path / name)
    np.save(tmp_path / "big.npy", np.array([1e300]))
    assert "in 1 of its 1" in refusal(images.read_measurement, tmp_path / "big.npy")


class Payload:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("suffix", ["npy", "npz", "safetensors"])
def test_pickles_are_refused_and_do_not_run(tmp_path, suffix):
    mark = tmp_path / "ran"
    path = tmp_path / f"evil.{suffix}"
    path.write_bytes(pickle.dumps(Payload(mark)))
    refusal(images.read_measurement, path)
    objects = np.array([Payload(mark)], dtype=object)
    if suffix == "npy":
        np.save(path, objects, allow_pickle=True)
        assert "pickle" in refusal(images.read_measurement, path)
    if suffix == "npz":
        np.savez(path, measurement=objects)
        assert "pickle" in refusal(images.read_measurement, path)
    assert not mark.exists()


def test_measurements_that_are_no_measurement(tmp_path):
    np.savez(tmp_path / "many.npz", a=np.zeros(2), b=np.zeros(2))
    assert "no array 'measurement'" in refusal(images.read_measurement, tmp_path / "many.npz")
    np.save(tmp_path / "int.npy", np.zeros(3, np.uint8))
    assert "uint8" in refusal(images.read_measurement, tmp_path / "int.npy")
    np.save(tmp_path / "none.npy", np.zeros((0, 3)))
    assert "empty" in refusal(images.read_measurement, tmp_path / "none.npy")
    np.save(tmp_path / "whole.npy", np.zeros(1000))
    for name, data in (
        ("cut.npy", (tmp_path / "whole.npy").read_bytes()[:200]),
        ("cut.npz", (tmp_path / "many.npz").read_bytes()[:200]),
        ("cut.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00{}"),
    ):
        (tmp_path / name).write_bytes(data)
        assert "cannot be read" in refusal(images.read_measurement, tmp_path / name)
    assert "there is no file" in refusal(images.read_measurement, tmp_path / "none.npz")


def test_a_measurement_too_large_to_unpack(tmp_path, monkeypatch):
    monkeypatch.setattr("invprob.io.arrays.MAX_BYTES", 1000)
    np.savez_compressed(tmp_path / "y.npz", measurement=np.zeros(100_000))
    assert "more than is read" in refusal(images.read_measurement, tmp_path / "y.npz")


def test_the_bundled_faces():
    faces = images.bundled()
    assert len(faces) == 6
    assert all(face.name.startswith("face-2") for face in faces)
    assert all(face.read().shape == (3, 64, 64) for face in faces)
    text = (images.SAMPLES / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "MIT License" in text
    assert "no real person" in text
    assert all(face.name.removeprefix("face-") in text for face in faces)


def test_what_is_left_out_of_a_zip_file_may_have_an_absolute_name(tmp_path, caplog):
    picture = io.BytesIO()
    Image.new("L", (4, 4)).save(picture, "PNG")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("a.png", picture.getvalue())
        made.writestr("/abs/readme.txt", b"")
    assert [file.name for file in images.gather([tmp_path / "a.zip"])] == ["a"]
    assert "1 left out, which are not pictures: /abs/readme.txt" in caplog.text


def test_a_name_of_another_file_of_the_results_is_not_given(tmp_path):
    for name in ("sheet.png", "other.png"):
        Image.new("L", (4, 4)).save(tmp_path / name)
    found = images.gather([tmp_path], taken=("sheet",))
    assert [file.name for file in found] == ["other", f"{tmp_path.name}-sheet"]
