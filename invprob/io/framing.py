"""One rule for the size of pictures, masks and measurements: what they are cropped and resized to.

A picture is resized by antialiased bicubic interpolation, a mask by its nearest pixels. The crop of
a mask or a measurement is that of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob.errors import BadInput
from invprob.params.crop_at import place

Size = tuple[int, int]
"""(height, width)."""


class _Asked(Protocol):
    @property
    def resize(self) -> bool: ...
    @property
    def crop(self) -> bool: ...
    @property
    def crop_at(self) -> str: ...


@dataclass(frozen=True)
class Framing:
    """How pictures of other sizes become those of a generator.

    `crop` alone cuts so many pixels; `resize` alone resizes and may change the aspect; both cut to
    the aspect and then resize.

    Attributes:
        resize: Whether pictures are resized.
        crop: Whether they are cropped.
        at: How far down and to the right the crop lies, in [0, 1].
        pictures: The sizes of the pictures of the run as they are given; none where they are not
            known. A mask that is not of the size of the generator must fit them.
    """

    resize: bool = False
    crop: bool = False
    at: tuple[float, float] = (0.5, 0.5)
    pictures: frozenset[Size] = frozenset()

    @classmethod
    def of(cls, asked: _Asked, pictures: frozenset[Size] = frozenset()) -> Framing:
        """The framing that parameters ask for.

        Args:
            asked: Something with `resize`, `crop` and `crop_at`.
            pictures: The sizes of the pictures.

        Returns:
            The framing.
        """
        return cls(asked.resize, asked.crop, place(asked.crop_at), pictures)

    def picture(self, image: Tensor, size: Size, name: str = "the image") -> Tensor:
        """A picture at a size, only in ways that were asked for.

        Args:
            image: A picture (C, H, W); NaN where nothing is known.
            size: The size.
            name: What messages call it.

        Returns:
            The picture, within the range that it had or [0, 1], NaN where its nearest pixel was.

        Raises:
            BadInput: If it has another size and nothing, or not enough, was asked for.
        """
        return self._framed(image, size, name, _bicubic)

    def mask(self, mask: Tensor, size: Size, name: str) -> Tensor:
        """A mask at a size, cut and resized as the pictures are.

        Args:
            mask: A mask (C, H, W).
            size: The size.
            name: What messages call it.

        Returns:
            The mask; every number of it is one of those given.

        Raises:
            BadInput: If it has another size and nothing was asked for, or neither that of the
                pictures.
        """
        own = (mask.shape[-2], mask.shape[-1])
        if own == size:
            return mask
        if not (self.resize or self.crop):
            raise BadInput(
                f"{name} is {_words(own)} pixels, the image {_words(size)}",
                "add --resize or --crop, which treat it like the picture, or resize it yourself,"
                " without smoothing",
            )
        for other in self.pictures:
            alike = self.resize and own[0] * other[1] == own[1] * other[0]
            if own != other and not alike:
                raise BadInput(
                    f"{name} is {_words(own)} pixels, a picture {_words(other)}, so they cannot be"
                    " cropped alike",
                    f"give the mask in the size of the picture, or in that of the generator,"
                    f" {_words(size)}",
                )
        return self._framed(mask, size, name, _nearest)

    def _framed(self, image: Tensor, size: Size, name: str, resized: _Resize) -> Tensor:
        height, width = size
        given = f"{name} is {image.shape[-1]}×{image.shape[-2]} pixels"
        if tuple(image.shape[-2:]) == size:
            return image
        if self.crop:
            scale = min(image.shape[-2] / height, image.shape[-1] / width) if self.resize else 1.0
            if scale == 1.0 and (image.shape[-2] < height or image.shape[-1] < width):
                raise BadInput(f"{given}, too small to crop {width}×{height} from", "add --resize")
            image = self._cut(image, max(1, round(height * scale)), max(1, round(width * scale)))
        if self.resize:
            image = resized(image, size)
        if tuple(image.shape[-2:]) != size and size in self.pictures:
            raise several_sizes(f"{given}, others {_words(size)}")
        if tuple(image.shape[-2:]) != size:
            raise BadInput(
                f"{given}, and the generator takes {width}×{height}",
                "add --resize, or --crop, or both to crop to the aspect and then resize; it is not"
                " cut into tiles, of each of which a generator would make a whole picture",
            )
        return image

    def _cut(self, image: Tensor, height: int, width: int) -> Tensor:
        top = int(self.at[0] * (image.shape[-2] - height))
        left = int(self.at[1] * (image.shape[-1] - width))
        return image[..., top : top + height, left : left + width]


class _Resize(Protocol):
    def __call__(self, image: Tensor, size: Size) -> Tensor: ...


def _bicubic(image: Tensor, size: Size) -> Tensor:
    known = image.isfinite()
    if not bool(known.all()):
        filled = torch.where(known, image, image[known].mean() if bool(known.any()) else 0.5)
        there = _nearest(known.to(image), size) > 0.5
        return torch.where(there, _bicubic(filled, size), torch.nan)
    wide = F.interpolate(image[None], size, mode="bicubic", antialias=True)[0]
    return wide.clamp(min(0.0, float(image.min())), max(1.0, float(image.max())))


def _nearest(image: Tensor, size: Size) -> Tensor:
    return F.interpolate(image[None], size, mode="nearest-exact")[0]


def several_sizes(few: str) -> BadInput:
    """Make the refusal of pictures of several sizes.

    Args:
        few: Some of the pictures with their sizes.

    Returns:
        The error, to be raised.
    """
    return BadInput(
        f"the pictures are of several sizes: {few}",
        "solve those of each size in a run of their own, or make them alike: --resize --crop",
    )


def _words(size: Size) -> str:
    return f"{size[1]}×{size[0]}"
