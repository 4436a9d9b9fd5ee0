"""Numbers of users: .safetensors, .npz and .npy, read without ever unpickling."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from invprob.errors import BadInput
from invprob.paths import existing

KEY = "measurement"
"""The array that is read where a file holds several."""

SUFFIXES = (".safetensors", ".npz", ".npy")

MAX_BYTES = 2**30
"""The largest file that is read, unpacked."""


def is_array(path: Path) -> bool:
    """Say by its suffix whether a file holds numbers and not a picture.

    Args:
        path: The file.

    Returns:
        True for .safetensors, .npz and .npy.
    """
    return path.suffix.lower() in SUFFIXES


def read_array(path: Path, holes: bool = False) -> Tensor:
    """Read the array `measurement`, or the only array, of a file.

    Args:
        path: The file.
        holes: Whether NaN and infinite values are allowed.

    Returns:
        The array as float32, in its own shape.

    Raises:
        BadInput: If the file is missing, damaged or holds pickled objects, or the array is missing,
            empty, too large, not of floating point, or, without `holes`, not finite.
    """
    values = _only(path, KEY)
    if values.dtype.kind != "f":
        raise BadInput(
            f"the array of {path} is of type {values.dtype}",
            "save float32 numbers, images in units of [0, 1]",
        )
    with np.errstate(
        over="ignore"
    ):  # what is too large for float32 becomes infinite, and is counted
        measurement = torch.from_numpy(values.astype(np.float32))
    bad = int((~measurement.isfinite()).sum())
    if bad and not holes:
        raise BadInput(
            f"{path} holds NaN or infinity in {bad} of its {measurement.numel()} values",
            "mend them, or leave them out with a mask: --operator inpaint:mask=FILE",
        )
    return measurement


def read_numbers(path: Path, key: str) -> Tensor:
    """Read an array of truths, integers or floats.

    Args:
        path: The file.
        key: The name of the array, unless the file has only one.

    Returns:
        The array as float64, in its own shape.

    Raises:
        BadInput: As `read_array`, and for NaN and infinite values.
    """
    values = _only(path, key)
    if values.dtype.kind not in "biuf":
        raise BadInput(f"{key} {path} is of type {values.dtype}", "save real numbers")
    numbers = torch.from_numpy(values.astype(np.float64))
    bad = int((~numbers.isfinite()).sum())
    if bad:
        raise BadInput(
            f"{key} {path} holds NaN or infinity in {bad} of its {numbers.numel()} values",
            "mend them",
        )
    return numbers


def _only(path: Path, key: str) -> Any:
    path = existing(path)
    if path.is_dir():
        raise BadInput(f"{path} is a folder, not a file of numbers", "give the file")
    arrays = _safetensors(path) if path.suffix.lower() == ".safetensors" else _numpy(path, key)
    name = key if key in arrays else next(iter(arrays), key)
    if name not in arrays or (name != key and len(arrays) > 1):
        names = ", ".join(sorted(arrays)) or "none"
        raise BadInput(f"{path} holds no array {key!r}", f"arrays in it: {names}")
    if arrays[name].size == 0:
        raise BadInput(f"array {name!r} of {path} is empty", "save the array again")
    return arrays[name]


def _safetensors(path: Path) -> dict[str, Any]:
    try:
        _check_size(path, path.stat().st_size)
        tensors = load_file(path)
        return {k: (v.float() if v.is_floating_point() else v).numpy() for k, v in tensors.items()}
    except BadInput:
        raise
    except Exception as error:  # types of numbers that torch cannot convert, in several ways
        raise _damaged(path, error) from None


def _numpy(path: Path, key: str) -> dict[str, Any]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _check_size(path, sum(i.file_size for i in archive.infolist()))
            with np.load(path, allow_pickle=False) as archive:
                members = {name: archive[name] for name in archive.files}
                return {k: v for k, v in members.items() if isinstance(v, np.ndarray)}
        _check_size(path, path.stat().st_size)
        return {key: np.lib.format.open_memmap(path, mode="r")}
    except BadInput:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise a dozen unrelated classes
        if "allow_pickle" in str(error) or "object" in str(error).lower():
            raise BadInput(
                f"{path} holds pickled objects, which can run code when they are read",
                "save a plain array of float32",
            ) from None
        raise _damaged(path, error) from None


def _check_size(path: Path, size: int) -> None:
    if size > MAX_BYTES:
        raise BadInput(
            f"{path} holds {size / 2**30:.1f} GiB, more than is read",
            "split the batch into several files",
        )


def _damaged(path: Path, error: Exception) -> BadInput:
    reason = str(error).split("\n")[0] or type(error).__name__
    return BadInput(f"{path} cannot be read as numbers ({reason})", "save the array again")
