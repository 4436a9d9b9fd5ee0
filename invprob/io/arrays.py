"""Measurements as numbers: .safetensors, .npz and .npy, read without ever unpickling."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor

from invprob.errors import BadInput

KEY = "measurement"
"""The array that is read where a file holds several."""

MAX_BYTES = 2**30
"""The largest file that is read, unpacked."""


def read_array(path: Path) -> Tensor:
    """The array `measurement`, or the only array, of the file as float32, in its own shape.

    Raises `BadInput` for a file that is damaged or holds pickled objects, an array that is missing,
    empty, too large or no floating point, and for NaN and infinite values, which are counted.
    """
    arrays = _safetensors(path) if path.suffix.lower() == ".safetensors" else _numpy(path)
    key = KEY if KEY in arrays else next(iter(arrays), KEY)
    if key not in arrays or (key != KEY and len(arrays) > 1):
        names = ", ".join(sorted(arrays)) or "none"
        raise BadInput(f"{path} holds no array {KEY!r}", f"arrays in it: {names}")
    values = arrays[key]
    if values.dtype.kind != "f" or values.size == 0:
        kind = "empty" if values.size == 0 else f"of type {values.dtype}"
        raise BadInput(
            f"array {key!r} of {path} is {kind}", "save float32 numbers, images in units of [0, 1]"
        )
    with np.errstate(
        over="ignore"
    ):  # what is too large for float32 becomes infinite, and is counted
        measurement = torch.from_numpy(values.astype(np.float32))
    bad = int((~measurement.isfinite()).sum())
    if bad:
        raise BadInput(
            f"{path} holds NaN or infinity in {bad} of its {measurement.numel()} values",
            "mend them, or leave them out with a mask: --operator inpaint:mask=FILE",
        )
    return measurement


def _safetensors(path: Path) -> dict[str, Any]:
    try:
        _check_size(path, path.stat().st_size)
        tensors = load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from None
    return {k: (v.float() if v.is_floating_point() else v).numpy() for k, v in tensors.items()}


def _numpy(path: Path) -> dict[str, Any]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _check_size(path, sum(i.file_size for i in archive.infolist()))
            with np.load(path, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        _check_size(path, path.stat().st_size)
        return {KEY: np.lib.format.open_memmap(path, mode="r")}
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
    return BadInput(f"{path} cannot be read as numbers ({reason})", "save the measurement again")
