"""The weights that come with the set."""

from __future__ import annotations

from pathlib import Path

from invprob.io import checksums

BUNDLED = Path(__file__).parent / "weights"


def bundled_sha256(path: Path) -> str | None:
    """The SHA-256 that a bundled file must have; None for other files.

    Args:
        path: A weights file.
    """
    return checksums.listed(path, BUNDLED)
