"""Weights files: safetensors only, so that reading one can never run code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from invprob.errors import BadWeights
from invprob.io import checksums, files
from invprob.io.json_text import dumps

HINT = "give safetensors; invprob convert makes them of weights that others published"
LONGEST = 1 << 24  # bytes of a header: the library would parse a hundred million


def is_ours(path: Path) -> bool:
    """Say whether a loader of ours wrote a file.

    Args:
        path: The file.

    Returns:
        True for a safetensors file whose metadata has the ``kind`` of a loader.
    """
    try:
        with path.open("rb") as head:
            if int.from_bytes(head.read(8), "little") > LONGEST:
                return False
        with safetensors.safe_open(path, framework="pt") as file:
            return "kind" in (file.metadata() or {})
    except (safetensors.SafetensorError, OSError, ValueError):
        return False


def read(path: Path, expected: str | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file.

    Args:
        path: The file.
        expected: Its SHA-256; None where it is not known.

    Returns:
        Tensors by name, and the metadata.

    Raises:
        BadWeights: If it cannot be read or has another SHA-256.
    """
    checksums.check(path, expected)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise BadWeights(f"weights {path} cannot be read: {_reason(path, error)}", HINT) from None


def _reason(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    if head[:1] == b"\x80" or head[:4] == b"PK\x03\x04":
        return "this is a pickle, which can run code when it is opened, not a safetensors file"
    return f"damaged or truncated safetensors ({error})"


def as_text(metadata: Mapping[str, object]) -> dict[str, str]:
    """Write metadata as a file holds it.

    Args:
        metadata: Names and values.

    Returns:
        The same with JSON for values that are not strings.
    """
    return {k: v if isinstance(v, str) else dumps(v) for k, v in metadata.items()}


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, object]) -> None:
    """Write a safetensors file, whole or not at all; the same content gives the same bytes.

    Args:
        path: The file.
        tensors: Tensors by name.
        metadata: Names and values.
    """
    own = {k: _own(v, tensors) for k, v in tensors.items()}
    # safetensors' own file writer hides the cause of a failure; Python's says what it is
    files.write_bytes(path, _in_order(safetensors.torch.save(own, metadata=as_text(metadata))))


def _own(tensor: Tensor, among: Mapping[str, Tensor]) -> Tensor:
    """The tensor in memory that no other one has a part in, as the library wants it."""
    memory = tensor.untyped_storage().data_ptr()
    shared = sum(other.untyped_storage().data_ptr() == memory for other in among.values()) > 1
    tensor = tensor.detach().cpu()
    return tensor.clone(memory_format=torch.contiguous_format) if shared else tensor.contiguous()


def _in_order(data: bytes) -> bytes:
    """The same file with its metadata sorted: the library writes it in the order of a hash."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def fill(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put tensors into a module, converted to its types.

    Args:
        module: The module, which is changed in place.
        tensors: Tensors by name.
        path: Where they come from, for the message.

    Raises:
        BadWeights: If names and shapes do not agree exactly, or a number is not finite.
    """
    own = module.state_dict()
    missing = sorted(own.keys() - tensors.keys())
    unexpected = sorted(tensors.keys() - own.keys())
    other = sorted(k for k in own.keys() & tensors.keys() if own[k].shape != tensors[k].shape)
    faults = [
        f"{len(names)} {what} (e.g. {names[0]})"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("misshapen", other))
        if names
    ]
    if faults:
        raise BadWeights(
            f"weights {path} do not fit the architecture: {', '.join(faults)} tensors",
            "the file is of another architecture or version",
        )
    broken = sorted(k for k, v in tensors.items() if not bool(v.isfinite().all()))
    if broken:
        raise BadWeights(
            f"weights {path} hold NaN or infinity in {len(broken)} tensors (e.g. {broken[0]})",
            "the file is damaged, or its training diverged",
        )
    module.load_state_dict(dict(tensors))
