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

Figures = dict[str, Any]
"""Figures of a cell by name, as JSON can hold them."""


@dataclass(frozen=True)
class Solved:
    """What is known of one cell.

    Attributes:
        figures: Figures by name.
        pictures: ``mean``, ``sample`` and ``std``, (C, H, W).
    """

    figures: Figures
    pictures: dict[str, Tensor]

    def pack(self) -> bytes:
        """The cell as bytes: a digest, then safetensors."""
        text = dumps(self.figures, sort_keys=True)
        data = save(self.pictures, metadata={"figures": text})
        return hashlib.sha256(data).digest() + data


def unpack(data: bytes) -> Solved | None:
    """Take apart what `Solved.pack` made.

    Args:
        data: The bytes.

    Returns:
        The cell; None if a bit of it is another or missing.
    """
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
    """The cells of a folder, by key.

    Args:
        folder: The folder; it is made when the first cell is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Solved | None:
        """Read a cell.

        Args:
            key: Its key.

        Returns:
            The cell; None if it is missing or damaged.
        """
        try:
            return unpack(self._path(key).read_bytes())
        except FileNotFoundError:
            return None

    def figures(self, key: str) -> Figures | None:
        """Read the figures of a cell, and let go of its pictures.

        Args:
            key: Its key.

        Returns:
            The figures; None if the cell is missing or damaged.
        """
        found = self.get(key)
        return None if found is None else found.figures

    def put(self, key: str, data: bytes) -> None:
        """Write a packed cell so that a reader sees all of it or nothing.

        Args:
            key: Its key.
            data: What `Solved.pack` gave.
        """
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(path, data)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.cell"


def key_of(told: Mapping[str, Any]) -> str:
    """Name a cell by the SHA-256 of all that determines it.

    Args:
        told: What determines it, as JSON can hold it.

    Returns:
        64 hexadecimal digits.
    """
    return hashlib.sha256(dumps(told, sort_keys=True).encode()).hexdigest()[:32]
