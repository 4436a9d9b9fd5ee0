"""Images in and out: float32 tensors (C, H, W) in [0, 1], from files, folders and zip files.

What is read of each format, and what is refused, is said in `invprob.io.decode`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import torch
from PIL import Image
from torch import Tensor

from invprob.errors import BadInput
from invprob.io import files
from invprob.io.arrays import is_array, read_array, read_numbers
from invprob.io.collection import ImageFile, gather
from invprob.io.decode import decode, layers
from invprob.io.framing import Framing
from invprob.io.layers import with_holes
from invprob.numerics.luma import luma
from invprob.paths import existing

__all__ = [
    "ImageFile", "bundled", "fit", "gather", "read", "read_grey", "read_mask", "read_measurement",
    "to_pil", "write_png",
]  # fmt: skip

SAMPLES = Path(__file__).with_name("samples")

COMPRESSION = 4
"""Of PNG files, from 0 to 9: half of the time of Pillow's default, for 4 % more bytes."""


def read(path: str | Path, channels: int | None = 3) -> Tensor:
    """Read a picture.

    Args:
        path: The file.
        channels: 1 or 3; None for what the picture has.

    Returns:
        The picture as (C, H, W), float32 in [0, 1].

    Raises:
        BadInput: If there is no such file, or it cannot be read, is not a picture, is damaged, or
            exceeds `decode.MAX_PIXELS`.
    """
    with _opened(path) as (stream, label):
        return decode(stream, label, channels)


def read_grey(path: str | Path) -> Tensor:
    """Read the luma of a picture, e.g. for a kernel.

    Args:
        path: The file.

    Returns:
        The luma as (H, W), in [0, 1].

    Raises:
        BadInput: As `read`.
    """
    return read(path, 1)[0]


def read_mask(path: str | Path) -> Tensor:
    """Read a mask: what is from 0.5 on is measured.

    Of a picture the luma is taken, or the transparency if all that can be seen of it is light. An
    array holds truths, numbers in [0, 1], or integers up to 255.

    Args:
        path: The file.

    Returns:
        The mask, (H, W) or (C, H, W), in [0, 1].

    Raises:
        BadInput: If it cannot be read, or if a picture has transparent and dark pixels, of which
            either could be the missing ones.
    """
    path = existing(path)
    if is_array(path):
        numbers = read_numbers(path, "mask")
        least, top = float(numbers.min()), float(numbers.max())
        whole = bool((numbers == numbers.round()).all())
        eight_bit = least >= 0 and 1 < top <= 255 and whole
        return numbers / 255 if eight_bit else numbers
    with _opened(path) as (stream, label):
        colour, alpha = layers(stream, label)
    grey = luma(colour)[0] if len(colour) == 3 else colour[0]
    if alpha is None:
        return grey
    if bool((grey[alpha[0] >= 0.5] < 0.5).any()):
        raise BadInput(
            f"mask {path} has transparent pixels and dark ones; which of them are missing is not"
            " clear",
            "save a mask without transparency: white is measured, black is missing",
        )
    return alpha[0]


def read_measurement(path: str | Path, holes: bool = False) -> Tensor:
    """Read a measurement: numbers of a .safetensors, .npz or .npy file, else a picture.

    Args:
        path: The file.
        holes: Whether what is transparent in a picture becomes NaN, and numbers may be NaN where
            nothing was measured.

    Returns:
        The numbers in their own shape, or a picture (C, h, w) with the channels it has.

    Raises:
        BadInput: If it cannot be read, or, without `holes`, has numbers that are not finite.
    """
    path = existing(path)
    if is_array(path):
        return read_array(path, holes)
    if not holes:
        return read(path, None)
    with _opened(path) as (stream, label):
        return with_holes(layers(stream, label))


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[tuple[IO[bytes], str]]:
    path = existing(path)
    if not path.is_file():
        raise BadInput(f"{path} is a folder, not an image", "give an image file")
    with ImageFile(path.name, path).open() as stream:
        yield stream, str(path)


def fit(
    image: Tensor,
    shape: tuple[int, ...],
    resize: bool = False,
    crop: bool = False,
    name: str = "the image",
) -> Tensor:
    """Bring an image to a size, as `framing.Framing` says; a crop lies in the middle.

    Args:
        image: The image, (C, H, W).
        shape: The shape that is wanted, (C, h, w).
        resize: Whether it may be scaled.
        crop: Whether it may be cropped.
        name: What errors call it.

    Returns:
        The image, (C, h, w).

    Raises:
        BadInput: If the image has another size and nothing, or not enough, was asked for; with both
            sizes.
    """
    return Framing(resize, crop).picture(image, (shape[-2], shape[-1]), name)


def bundled() -> list[ImageFile]:
    """The rendered faces that come with invprob; see ``samples/ATTRIBUTION.md``."""
    return gather(sorted(SAMPLES.glob("*.png")))


def to_pil(image: Tensor, depth: int = 8) -> Image.Image:
    """Convert an image to 8 bits: clamped to [0, 1] and rounded; NaN becomes black.

    Args:
        image: The image, (1 or 3, H, W).

    Returns:
        The picture.
    """
    white, kind = (65535, torch.uint16) if depth == 16 else (255, torch.uint8)
    levels = (torch.nan_to_num(image.detach().float().cpu()).clamp(0, 1) * white).round()
    values = levels.to(kind).permute(1, 2, 0).numpy()
    return Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)


def write_png(
    path: str | Path, image: Tensor, depth: int = 8, profile: bytes | None = None
) -> None:
    """Write an image as a PNG, whole or not at all.

    Args:
        path: The file; the folder it lies in is made.
        image: The image, (1 or 3, H, W) in [0, 1].
        depth: Bits of a number, 8 or 16; colours have 8.
        profile: The colour profile that gives the numbers their meaning, if any does.

    Raises:
        BadInput: If the place cannot be written to or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as part:
            picture = to_pil(image, depth)
            picture.save(part, "PNG", compress_level=COMPRESSION, icc_profile=profile)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written: {(error.strerror or str(error)).lower()}",
            "make room there, or write elsewhere",
        ) from None
