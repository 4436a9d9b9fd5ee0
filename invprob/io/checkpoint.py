"""Checkpoints of a solver's state: tensors, numbers and names, never a pickle that can run code."""

from __future__ import annotations

import dataclasses
import pickle
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch

from invprob import paths
from invprob.errors import BadInput
from invprob.io import files
from invprob.numerics.adam import Moments

FORMAT = 1
HINT = "remove it to start anew, or give another folder"
UNREADABLE = (
    *(OSError, RuntimeError, ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile),
    *(AttributeError, MemoryError),  # of pickles that are not whole
    safetensors.SafetensorError,  # torch.load reads some files by their suffix
)


def save(path: Path, state: Any, **facts: int) -> None:
    """Write a solver's state.

    Args:
        path: The file.
        state: A dataclass of tensors, numbers, texts, tuples and dataclasses.
        facts: Numbers to keep beside it, which `read` returns by name.

    Raises:
        TypeError: If the state holds something else.
    """
    write(path, {"format": FORMAT, "state": _encode(state), **facts})


def write(path: Path, data: dict[str, Any]) -> None:
    """Write tensors and plain values so that a reader sees the old file or the whole new one.

    Args:
        path: The file.
        data: What `torch.load` reads with ``weights_only``.
    """
    try:
        with files.replacing(path) as part, part.open("wb") as file:
            torch.save(data, file)
    except RuntimeError as error:
        # of a full disk torch says that a position is wrong; what Python said is behind it
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def load(path: Path, types: Iterable[type], device: torch.device | str = "cpu") -> Any:
    """Read what `save` wrote; runs no code of the file.

    Args:
        path: The file.
        types: The dataclasses that may be built.
        device: Where tensors go.

    Returns:
        The state.

    Raises:
        BadInput: If the file is damaged, or of another solver.
    """
    known = (*types, Moments)
    allowed = {name: t for t in known for name in (t.__name__, *getattr(t, "formerly", ()))}
    try:
        return _decode(read(path, ("state",), device)["state"], allowed)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"checkpoint {path} is of another solver: {error}", HINT) from None


def read(path: Path, keys: Iterable[str], device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read what `write` wrote; runs no code of the file.

    Args:
        path: The file.
        keys: What it must have.
        device: Where tensors go.

    Returns:
        Tensors and plain values by name.

    Raises:
        BadInput: If the file is missing, damaged, or of something else.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                raise ValueError("torch.save did not write it")
        with zipfile.ZipFile(path) as archive:  # torch reads numbers that have changed
            _check_sizes(archive, path.stat().st_size)
            if archive.testzip() is not None:
                raise ValueError("its numbers have changed")
        data = torch.load(path, map_location=device, weights_only=True)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise paths.unreadable(path, error) from None
    except pickle.UnpicklingError:
        raise BadInput(
            f"checkpoint {path} is damaged, or holds more than tensors and numbers", HINT
        ) from None
    except UNREADABLE as error:
        raise BadInput(f"checkpoint {path} is damaged: {error}", HINT) from None
    if not isinstance(data, dict) or not data.keys() >= set(keys):
        raise BadInput(f"checkpoint {path} is of something else", HINT)
    return data


def _check_sizes(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse what grows when it is read: nothing does of what torch.save writes."""
    entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("it is compressed, and torch.save compresses nothing")
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError("its parts overlap")
    for entry in entries:
        # torch would make arrays of any number of bytes, without content
        if entry.filename.endswith("data.pkl") and b"bytearray" in archive.read(entry):
            raise ValueError("it holds an array of bytes")


def check_training(
    path: Path, saved: Mapping[str, Any], params: Mapping[str, Any], data: str
) -> None:
    """Refuse to go on with a training that began otherwise.

    Args:
        path: Its checkpoint, for messages.
        saved: What the checkpoint holds: ``params`` and, in those of today, ``data``.
        params: Its parameters now.
        data: What names the content that it learns from now.

    Raises:
        BadInput: If a parameter or the content is another; it names them.
    """
    began = saved["params"]
    other = [k for k, value in params.items() if began.get(k, value) != value]
    if other:
        said = ", ".join(f"{k}={_word(began[k])} and not {_word(params[k])}" for k in other)
        raise BadInput(
            f"{path} is of a training with other parameters: {said}",
            "give the parameters that it began with, or another --out",
        )
    if saved.get("data", data) != data:
        raise BadInput(
            f"{path} is of a training on other data",
            "give the pictures or weights that it began with, or another --out",
        )


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value).lower()


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__, "fields": fields}
    if isinstance(value, (tuple, list)):
        return [_encode(v) for v in value]
    if value is None or isinstance(value, (torch.Tensor, bool, int, float, str)):
        return value
    raise TypeError(f"a state may not hold {type(value).__name__}")


def _decode(value: Any, allowed: dict[str, type]) -> Any:
    if isinstance(value, dict):
        kind = allowed[value["type"]]
        renamed = getattr(kind, "renamed", {})
        return kind(**{renamed.get(k, k): _decode(v, allowed) for k, v in value["fields"].items()})
    if isinstance(value, list):
        return tuple(_decode(v, allowed) for v in value)
    return value
