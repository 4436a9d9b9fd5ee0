"""Parameters of a trainer on the command line: ``--set KEY=VALUE`` and ``--KEY VALUE``."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from invprob.errors import BadParams


def pairs(settings: Sequence[str]) -> dict[str, str]:
    """Read ``KEY=VALUE`` texts.

    Args:
        settings: The texts.

    Returns:
        Values by key, with underscores.

    Raises:
        BadParams: If one is written otherwise.
    """
    found: dict[str, str] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise BadParams(f"--set {text!r} is not key=value", "e.g. --set batch=16")
        _once(found, key.strip().replace("-", "_"), value.strip())
    return found


def _once(found: dict[str, str], key: str, value: str) -> None:
    if key in found:
        raise BadParams(f"{key!r} is given twice", "keep one of them")
    found[key] = value


def flags(extra: Sequence[str], switches: Collection[str] = ()) -> dict[str, str]:
    """Read ``--KEY VALUE`` and ``--KEY=VALUE`` arguments.

    Args:
        extra: The words of the command line.
        switches: Keys that are on where no value follows.

    Returns:
        Values by key, with underscores.

    Raises:
        BadParams: If a word is neither.
    """
    found: dict[str, str] = {}
    words = list(extra)
    while words:
        word = words.pop(0)
        key, equals, value = word.partition("=")
        if not key.startswith("--") or len(key) < 3:
            raise BadParams(f"{word!r} is one argument too many", "parameters are --KEY VALUE")
        name = key.removeprefix("--").replace("-", "_")
        if not equals:
            alone = not words or words[0].startswith("--")
            if alone and name not in switches:
                raise BadParams(f"{word} is given no value", f"write {word} VALUE")
            value = "true" if alone else words.pop(0)
        _once(found, name, value)
    return found
