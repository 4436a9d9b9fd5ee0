"""Whether the user allows downloads: nothing is fetched unless they said so."""

from __future__ import annotations

import os

ALLOW = "INVPROB_DOWNLOAD"
YES = {"1", "true", "yes", "on"}


def allowed() -> bool:
    """Whether INVPROB_DOWNLOAD, which ``--download`` sets for its command, says yes."""
    return os.environ.get(ALLOW, "").lower() in YES


def allow() -> None:
    """Allow downloads in this process and those that it starts."""
    os.environ[ALLOW] = "1"


def offline() -> bool:
    """Whether HF_HUB_OFFLINE, the switch of huggingface_hub, says that there is no network."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in YES


def size(count: int | None) -> str:
    """A number of bytes for a sentence.

    Args:
        count: The number; None if nobody says.

    Returns:
        The words, for instance ``12.0 MB``, or ``of unknown size``.
    """
    if count is None:
        return "of unknown size"
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            return f"{count / 10**power:.1f} {unit}"
    return f"{count} bytes"
