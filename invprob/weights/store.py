"""Weights by name: cards of public checkpoints, and the files that the user has added.

A card says where the authors give a file; `add` copies it to the user's cache under its name, with
its SHA-256, and from then on ``weights=NAME`` finds it. A card with a URL and a SHA-256 can be
fetched. ``hf:OWNER/NAME`` is a model of the hub. Nothing is downloaded unless the user says so.
"""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from invprob import paths
from invprob.errors import BadInput, BadWeights, nearest
from invprob.io import checksums, files
from invprob.plugin import NAME
from invprob.weights import hub
from invprob.weights.hub_files import PREFIX

CARDS = Path(__file__).parent / "cards.toml"
RECORD = "record.json"


@dataclass(frozen=True)
class Card:
    """A known checkpoint.

    Attributes:
        what: What it is, in a few words.
        use: The component that uses it.
        page: The address of the page of its authors.
        file: The name of its file.
        licence: Its licence.
        sha256: 64 hexadecimal digits; None where its authors publish none.
        url: Where the file can be fetched; None where its authors publish no address.
    """

    what: str
    use: str
    page: str
    file: str
    licence: str
    sha256: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Record:
    """A file in the weight store.

    Attributes:
        file: Its name.
        sha256: 64 hexadecimal digits.
        licence: Its licence.
    """

    file: str
    sha256: str
    licence: str


def cards() -> dict[str, Card]:
    """What is known, by name."""
    table = tomllib.loads(CARDS.read_text(encoding="utf-8"))
    return {name: Card(**fields) for name, fields in table.items()}


def cache() -> Path | None:
    """INVPROB_CACHE, or invprob/ in the cache of the user (XDG).

    None where the user has no home folder, as in a container with a user of its own.
    """
    if own := os.environ.get("INVPROB_CACHE"):
        return paths.expand(own)
    if general := os.environ.get("XDG_CACHE_HOME"):
        return paths.expand(general) / "invprob"
    try:
        return Path.home() / ".cache" / "invprob"
    except RuntimeError:
        return None


def folder() -> Path:
    """Where weights are kept by name; raises `BadInput` where there is no place for a cache."""
    return _cache() / "named"


def _cache() -> Path:
    if (place := cache()) is None:
        raise BadInput(
            "there is no home folder to keep weights in", "set INVPROB_CACHE to a folder"
        )
    return place


def kept() -> dict[str, Record]:
    """What is on the shelf, by name."""
    if cache() is None:
        return {}
    return {path.parent.name: _read(path) for path in sorted(folder().glob(f"*/{RECORD}"))}


def locate(name: str, bundled: Path) -> Path:
    """Find the file of weights: bundled, a path, or in the weight store.

    Args:
        name: The name or path.
        bundled: The folder of bundled weights.

    Returns:
        The file or folder.

    Raises:
        BadWeights: If there is none, or a file in the store is not the one that was added.
    """
    inside = bundled / f"{name}.safetensors"
    found = inside if inside.is_file() else path(name)
    if found is None or found.is_dir():
        names = {p.stem for p in bundled.glob("*.safetensors")}
        raise BadWeights(f"there are no weights {name!r}", where(name, names))
    if cache() is not None and found.is_relative_to(folder()) and (record := _record(name)):
        checksums.check(found, record.sha256)
    return found


def path(name: str) -> Path | None:
    """Find weights that are a path or in the weight store.

    Args:
        name: The name or path.

    Returns:
        The file or folder; None if there is none.
    """
    given = paths.expand(name)
    if given.exists():
        return given
    if name.startswith(PREFIX):
        return hub.path(name, _cache())
    record = _record(name)
    return folder() / name / record.file if record else None


def where(name: str, bundled: Iterable[str]) -> str:
    """Write the hint for weights that are not here.

    Args:
        name: The name or path that was asked for.
        bundled: The names of bundled weights.

    Returns:
        Where they are given, or a name that is known.
    """
    card = cards().get(name)
    if card is not None and card.url and card.sha256:
        return f"invprob weights fetch {name} --download"
    if card is not None:
        return f"get {card.file} from {card.page}, then: invprob weights add {name} FILE"
    return "give a path, or a bundled name; " + nearest(name, {*bundled, *kept()})


def add(name: str, file: Path, licence: str | None = None) -> Record:
    """Copy a file to the weight store.

    Args:
        name: The name to give, lower-case.
        file: The file.
        licence: Its licence; None for that of a known checkpoint.

    Returns:
        What the store notes.

    Raises:
        BadInput: If the name is invalid or taken, or the file cannot be copied.
        BadWeights: If the file is not the published one.
    """
    if not NAME.fullmatch(name):
        raise BadInput(
            f"{name!r} is not a name for weights", "use lower-case letters, digits, - and _"
        )
    if not file.is_file():
        raise BadInput(f"there is no file {file}", "give the path of a file of weights")
    if name in kept():
        raise BadInput(
            f"weights {name!r} are on the shelf already", f"invprob weights remove {name}"
        )
    with file.open("rb") as stream:
        head = stream.read(16)
    if not (head[8:9] == b"{" or head.startswith((b"PK\x03\x04", b"\x80"))):
        raise BadInput(
            f"{file} does not begin as weights do", "give safetensors, or a .pt, .pth or .pkl file"
        )
    card = cards().get(name)
    checksums.check(file, card.sha256 if card else None)
    told = licence or (card.licence if card else "unknown")
    record = Record(file.name, checksums.sha256(file), told)
    place = folder() / name
    try:
        with files.new_folder(place) as part:
            shutil.copyfile(file, part / file.name)
            files.write_json(part / RECORD, asdict(record))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"{place} cannot be written: {reason}", "set INVPROB_CACHE") from None
    return record


def remove(name: str) -> Path:
    """Remove weights from the weight store.

    Args:
        name: Their name.

    Returns:
        Their file, which is gone.

    Raises:
        BadInput: If the name is not known, or the file cannot be removed.
    """
    records = kept()
    if name not in records:
        raise BadInput(f"no weights {name!r} are on the shelf", nearest(name, records))
    place = folder() / name
    try:
        shutil.rmtree(place)
    except OSError as error:
        raise BadInput(f"{place} cannot be removed: {paths.reason(error)}", "remove it") from None
    return place / records[name].file


def verify(name: str) -> str:
    """Compare a file in the weight store with what was added.

    Args:
        name: The name.

    Returns:
        What is wrong with it; empty if nothing is.

    Raises:
        BadInput: If the name is not known.
    """
    records = kept()
    if name not in records:
        raise BadInput(f"no weights {name!r} are on the shelf", nearest(name, records))
    path = folder() / name / records[name].file
    if not path.is_file():
        return f"{path} is gone"
    found = checksums.sha256(path)
    return "" if found == records[name].sha256 else f"{path} has changed: its sha256 is {found}"


def _record(name: str) -> Record | None:
    """What is on the shelf under a name; other names, which may be damaged, are not looked at."""
    if cache() is None or not NAME.fullmatch(name):
        return None
    path = folder() / name / RECORD
    return _read(path) if path.is_file() else None


def _read(path: Path) -> Record:
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"{path} cannot be read: {error}", f"remove {path.parent}") from None
