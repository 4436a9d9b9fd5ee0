"""The SHA-256 that a weights file must have."""

from __future__ import annotations

import hashlib
from pathlib import Path

from invprob.errors import BadWeights


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file.

    Args:
        path: The file.

    Returns:
        64 hexadecimal digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def listed(path: Path, bundled: Path) -> str | None:
    """Look up the SHA-256 of a bundled file in its SHA256SUMS.

    Args:
        path: The file.
        bundled: The folder of bundled files.

    Returns:
        64 hexadecimal digits; None for a file that lies elsewhere.
    """
    sums = bundled / "SHA256SUMS"
    if not path.is_relative_to(bundled) or not sums.is_file():
        return None
    lines = (line.split() for line in sums.read_text(encoding="utf-8").splitlines())
    name = path.relative_to(bundled).as_posix()
    return next((digest for digest, file in lines if file == name), None)


def check(path: Path, expected: str | None) -> None:
    """Refuse a file that is gone, or of another SHA-256.

    Args:
        path: The file.
        expected: 64 hexadecimal digits; None where nothing is known.

    Raises:
        BadWeights: If a sum is expected and there is no file, or one with another sum.
    """
    if expected is None:
        return
    if not path.is_file():
        raise BadWeights(
            f"there is no file of weights {path}",
            "give the path of one; what has a name is fetched again, or removed and added",
        )
    if (found := sha256(path)) != expected.lower():
        raise BadWeights(
            f"weights {path} have sha256 {found}, not {expected}",
            "the file is damaged or another one; fetch it again",
        )
