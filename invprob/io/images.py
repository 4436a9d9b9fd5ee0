"""Images in and out: float32 tensors (C, H, W) in [0, 1], from files, folders and zip files.

What is read of each format, and what is refused, is said in `invprob.io.decode`.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import torch
from PIL import Image
from torch import Tensor

from invprob.errors import BadInput
from invprob.io import files
from invprob.io.arrays import read_array
from invprob.io.decode import FORMATS, SUFFIXES, decode
from invprob.paths import existing, unreadable

__all__ = [
    "ImageFile", "bundled", "fit", "gather", "read", "read_grey", "read_measurement", "to_pil",
    "write_png",
]  # fmt: skip

MAX_MEMBER = 256 * 2**20
"""The largest member of a zip file that is unpacked, in bytes."""

SAMPLES = Path(__file__).with_name("samples")


@dataclass(frozen=True)
class ImageFile:
    """A picture to be read: a file, or a member of a zip file; `name` is unique in its batch."""

    name: str
    path: Path
    member: str | None = None

    @property
    def label(self) -> str:
        """What errors call it."""
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"

    def read(self, channels: int | None = 3) -> Tensor:
        """The picture as (C, H, W); raises `BadInput`."""
        if self.member is None:
            return read(self.path, channels)
        return decode(io.BytesIO(_unpack(self.path, self.member)), self.label, channels)


def read(path: str | Path, channels: int | None = 3) -> Tensor:
    """The picture at `path` as (C, H, W), float32 in [0, 1].

    `channels` is 1 or 3, or None for what the picture has. Raises `BadInput` if there is no such
    file, it cannot be read, is no picture, is damaged, or exceeds `decode.MAX_PIXELS`.
    """
    path = existing(path)
    if not path.is_file():
        raise BadInput(f"{path} is a folder or a device, not an image", "give an image file")
    try:
        with path.open("rb") as stream:
            return decode(stream, str(path), channels)
    except OSError as error:
        raise unreadable(path, error) from None


def read_grey(path: str | Path) -> Tensor:
    """The luma of the picture at `path` as (H, W), e.g. for a mask; raises what `read` raises."""
    return read(path, 1)[0]


def read_measurement(path: str | Path) -> Tensor:
    """A measurement: numbers of a .safetensors, .npz or .npy file in their own shape, else a
    picture (C, h, w) with the channels it has.

    Raises `BadInput`, also for numbers that are NaN or infinite.
    """
    path = existing(path)
    if path.suffix.lower() in (".safetensors", ".npz", ".npy"):
        return read_array(path)
    return read(path, None)


def fit(
    image: Tensor,
    shape: tuple[int, ...],
    resize: bool = False,
    crop: bool = False,
    name: str = "the image",
) -> Tensor:
    """The image (C, H, W) at the size of `shape` = (C, h, w), only in ways that were asked for.

    `crop` alone cuts the middle h × w pixels; `resize` alone resizes (antialiased bicubic) and may
    change the aspect; both cut to the aspect of h × w and then resize. Raises `BadInput` with both
    sizes if the image has another size and nothing, or not enough, was asked for.
    """
    height, width = shape[-2:]
    given = f"{name} is {image.shape[-1]}×{image.shape[-2]} pixels"
    if tuple(image.shape[-2:]) == (height, width):
        return image
    if crop:
        scale = min(image.shape[-2] / height, image.shape[-1] / width) if resize else 1.0
        if scale == 1.0 and (image.shape[-2] < height or image.shape[-1] < width):
            raise BadInput(f"{given}, too small to crop {width}×{height} from", "add --resize")
        image = _middle(image, max(1, round(height * scale)), max(1, round(width * scale)))
    if resize:
        size = (height, width)
        wide = torch.nn.functional.interpolate(image[None], size, mode="bicubic", antialias=True)
        image = wide[0].clamp(0, 1)
    if tuple(image.shape[-2:]) != (height, width):
        raise BadInput(
            f"{given}, and the generator takes {width}×{height}",
            "add --resize, or --crop, or both to crop to the aspect and then resize; it is not cut"
            " into tiles, of each of which a generator would make a whole picture",
        )
    return image


def _middle(image: Tensor, height: int, width: int) -> Tensor:
    top, left = (image.shape[-2] - height) // 2, (image.shape[-1] - width) // 2
    return image[..., top : top + height, left : left + width]


def gather(paths: Iterable[str | Path]) -> list[ImageFile]:
    """The images named by files, folders and zip files, in order, with unique names.

    A folder gives its pictures (by suffix, sorted, not those in folders inside it), a zip file all
    of its. Raises `BadInput` for a path that does not exist and a batch that is empty.
    """
    found: list[tuple[Path, str | None]] = []
    for given in paths:
        path = existing(given)
        batch = [(path, None)] if path.is_file() else _in_folder(path)
        if path.is_file() and path.suffix.lower() == ".zip":
            batch = _in_zip(path)
        if not batch:
            kind = "zip file" if path.is_file() else "folder"
            raise BadInput(f"{kind} {path} holds no images", f"accepted: {FORMATS}")
        found += batch
    names: dict[str, None] = {}
    files = []
    for path, member in found:
        inner = PurePosixPath(path) if member is None else PurePosixPath(member)
        name = _unique(inner.stem, inner.parent.name, names)
        names[name.casefold()] = None
        files.append(ImageFile(name, path, member))
    return files


def bundled() -> list[ImageFile]:
    """The rendered faces that come with invprob; see ``samples/ATTRIBUTION.md``."""
    return gather([SAMPLES])


def _in_folder(path: Path) -> list[tuple[Path, str | None]]:
    try:
        inside = sorted(path.iterdir())
    except OSError as error:
        raise unreadable(path, error) from None
    return [(p, None) for p in inside if _is_picture(p.name) and p.is_file()]


def _in_zip(path: Path) -> list[tuple[Path, str | None]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(i.filename for i in archive.infolist() if not i.is_dir())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise unreadable(path, error) from None
    return [(path, m) for m in members if _is_picture(m) and not m.startswith("__MACOSX")]


def _unpack(path: Path, member: str) -> bytes:
    """The bytes of a member, never more than `MAX_MEMBER` whatever its header claims."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            data = stream.read(MAX_MEMBER + 1)
    except Exception as error:  # bad or encrypted archives raise half a dozen unrelated classes
        raise unreadable(Path(f"{path}/{member}"), error) from None
    if len(data) > MAX_MEMBER:
        raise BadInput(
            f"{path}/{member} unpacks to more than {MAX_MEMBER // 2**20} MiB",
            "unpack the zip file and look at what is in it",
        )
    return data


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _unique(stem: str, parent: str, taken: dict[str, None]) -> str:
    """A name that is safe as a file name and differs, also in lower case, from those taken."""
    plain, longer = (re.sub(r"[^\w.\- ]", "_", t) for t in (stem, f"{parent}-{stem}"))
    for name in (plain, longer) if parent else (plain,):
        if name.casefold() not in taken:
            return name
    number = 2
    while f"{plain}-{number}".casefold() in taken:
        number += 1
    return f"{plain}-{number}"


def to_pil(image: Tensor) -> Image.Image:
    """The image (1 or 3, H, W) with 8 bits: clamped to [0, 1] and rounded; NaN becomes black."""
    eight = (torch.nan_to_num(image.detach().float().cpu()).clamp(0, 1) * 255).round()
    values = eight.to(torch.uint8).permute(1, 2, 0).numpy()
    return Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)


def write_png(path: str | Path, image: Tensor) -> None:
    """Write `to_pil(image)` as a PNG, whole or not at all; makes the folder it lies in.

    Raises `BadInput` if the place cannot be written to or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as part:
            to_pil(image).save(part, "PNG")
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written: {(error.strerror or str(error)).lower()}",
            "make room there, or write elsewhere",
        ) from None
