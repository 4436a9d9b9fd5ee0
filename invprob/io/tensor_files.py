"""Weights files: safetensors only, so that reading one can never run code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from invprob import paths
from invprob.errors import BadWeights
from invprob.io import checksums, files
from invprob.io.json_text import dumps

HINT = "give safetensors; invprob convert makes them of weights that others published"
NAMES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.int16: "I16",
    torch.uint16: "U16",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int32: "I32",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int64: "I64",
}
"""What the format calls types of numbers, those last that the library writes first."""
_TYPES = list(NAMES)
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
    try:
        checksums.check(path, expected)
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise BadWeights(f"weights {path} cannot be read: {_reason(path, error)}", HINT) from None


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return paths.reason(error)
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

    They are those of the library, with sorted metadata. It makes two copies of all tensors to write
    them, for which large photographs leave no room, and hides the cause of a failure.

    Args:
        path: The file.
        tensors: Tensors by name.
        metadata: Names and values.
    """
    order = sorted(tensors, key=lambda name: (-_TYPES.index(tensors[name].dtype), name))
    header: dict[str, object] = {"__metadata__": dict(sorted(as_text(metadata).items()))}
    end = 0
    for name in order:
        tensor = tensors[name]
        start, end = end, end + tensor.numel() * tensor.element_size()
        kind, shape = NAMES[tensor.dtype], list(tensor.shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
    text = dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with files.replacing(path) as part, part.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            flat = tensors[name].detach().cpu().contiguous().reshape(-1)
            file.write(flat.view(torch.uint8).numpy().data)


def fill(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put tensors into a module, converted to its types.

    Args:
        module: The module, which is changed in place; one on the meta device, which has no numbers
            yet, gets those of the tensors.
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
    broken = sorted(k for k, v in tensors.items() if not bool(v.float().isfinite().all()))
    if broken:
        raise BadWeights(
            f"weights {path} hold NaN or infinity in {len(broken)} tensors (e.g. {broken[0]})",
            "the file is damaged, or its training diverged",
        )
    blank = any(value.is_meta for value in own.values())
    given = {k: v.to(own[k].dtype) if blank else v for k, v in tensors.items()}
    module.load_state_dict(given, assign=blank)
