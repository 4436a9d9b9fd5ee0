"""The SHA-256 that a weights file must have."""

from __future__ import annotations

import hashlib
from pathlib import Path

from invprob.errors import BadWeights


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def listed(path: Path, bundled: Path) -> str | None:
    """The SHA-256 of a file in the folder `bundled`, as its SHA256SUMS says; None for others."""
    sums = bundled / "SHA256SUMS"
    if not path.is_relative_to(bundled) or not sums.is_file():
        return None
    lines = (line.split() for line in sums.read_text(encoding="utf-8").splitlines())
    name = path.relative_to(bundled).as_posix()
    return next((digest for digest, file in lines if file == name), None)


def check(path: Path, expected: str | None) -> None:
    """Raise `BadWeights` unless the file has the SHA-256 `expected`, where one is known."""
    if expected is not None and (found := sha256(path)) != expected.lower():
        raise BadWeights(
            f"weights {path} have sha256 {found}, not {expected}",
            "the file is damaged or another one; fetch it again",
        )
