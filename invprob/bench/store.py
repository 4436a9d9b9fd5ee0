"""Finished cells on disk: one file each, whole or not there, with a checksum inside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load, save
from torch import Tensor

from invprob.io import files
from invprob.io.json_text import dumps


@dataclass(frozen=True)
class Solved:
    """Figures of one cell, and the pictures (C, H, W): mean, sample, std."""

    figures: dict[str, Any]
    pictures: dict[str, Tensor]

    def pack(self) -> bytes:
        """The cell as bytes: a digest, then safetensors."""
        text = dumps(self.figures, sort_keys=True)
        data = save(self.pictures, metadata={"figures": text})
        return hashlib.sha256(data).digest() + data


def unpack(data: bytes) -> Solved | None:
    """What `Solved.pack` packed; None if a bit of it is another or missing."""
    told, data = data[:32], data[32:]
    if hashlib.sha256(data).digest() != told:
        return None
    try:
        pictures = load(data)
        head = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return Solved(json.loads(head["__metadata__"]["figures"]), pictures)
    except (safetensors.SafetensorError, ValueError, KeyError):
        return None


class Store:
    """The cells of a folder, by key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Solved | None:
        """The cell, if it is there and whole."""
        try:
            return unpack(self._path(key).read_bytes())
        except FileNotFoundError:
            return None

    def put(self, key: str, data: bytes) -> None:
        """Write a packed cell so that a reader sees all of it or nothing."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(path, data)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.cell"


def key_of(told: Mapping[str, Any]) -> str:
    """The name of a cell: the SHA-256 of all that determines it."""
    return hashlib.sha256(dumps(told, sort_keys=True).encode()).hexdigest()[:32]
