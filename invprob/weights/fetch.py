"""Fetch weights by name: those of a card with a URL and a SHA-256, and models of the hub."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from invprob import errors, paths
from invprob.errors import BadInput, BadWeights, nearest
from invprob.io import checksums
from invprob.weights import consent, hub, store
from invprob.weights.hub_files import PREFIX, Address

TIMEOUT = 30  # seconds without a byte
CHUNK = 2**20
LOCAL = ("127.0.0.1", "localhost")


def fetch(name: str) -> Path:
    """Fetch weights, so that ``weights=NAME`` finds them.

    Args:
        name: The name of a card, or ``hf:OWNER/NAME``, which is brought up to date.

    Returns:
        The file on the shelf, or the folder in the cache.

    Raises:
        BadInput: If no card has this name.
        BadWeights: If the card has no URL and hash, downloads are not allowed, or the transfer
            fails.
    """
    if name.startswith(PREFIX):
        address = Address.parse(name)
        place = hub.fetch(address, store.folder().parent)
        return place / address.file if address.file else place
    cards = store.cards()
    if name not in cards:
        raise BadInput(f"no card is called {name!r}", nearest(name, cards))
    card = cards[name]
    if card.url is None or card.sha256 is None:
        raise BadWeights(
            f"the authors of {name} publish no address with a SHA-256, so it is not fetched",
            store.where(name, ()),
        )
    kept = store.kept().get(name)
    if kept is not None and not store.verify(name):
        return store.folder() / name / kept.file
    told = f"{card.url}: licence {card.licence}"
    if not consent.allowed():
        size = consent.size(_size(card.url))
        raise BadWeights(
            f"weights {name} would be fetched from {told}, {size}; nothing is downloaded unless you"
            " say so",
            "add --download, or set INVPROB_DOWNLOAD=1",
        )
    part = store.folder().parent / "parts" / name / card.file
    download(card.url, part, card.sha256, told)
    if kept is not None:
        store.remove(name)
    try:
        record = store.add(name, part, card.licence)
    finally:
        part.unlink(missing_ok=True)
    return store.folder() / name / record.file


def download(url: str, part: Path, sha256: str, told: str = "") -> None:
    """Fetch a file; what an earlier transfer left is gone on with.

    Args:
        url: Its address, https, or of this machine.
        part: Where to write it. It stays if the transfer is cut, and goes if its hash is wrong.
        sha256: Its SHA-256.
        told: What to say before, after the size.

    Raises:
        BadWeights: If the transfer fails, or the hash is another one.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL):
        raise BadWeights(f"{url} is not an address of https", "fetch the file and add it")
    if told:
        errors.warn(f"fetching {told}")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        _transfer(url, part)
    except (OSError, http.client.HTTPException) as error:
        raise BadWeights(
            f"{url} could not be fetched: {paths.reason(error)}", "try again; what has come is kept"
        ) from None
    if (found := checksums.sha256(part)) != sha256.lower():
        part.unlink()
        raise BadWeights(
            f"{url} gave a file of sha256 {found}, not {sha256}",
            "it was removed; try again, and do not use it if this stays so",
        )


def _transfer(url: str, part: Path) -> None:
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if have and error.code == 416:  # nothing is left to fetch
            return
        raise
    with answer, part.open("ab" if answer.status == 206 else "wb") as file:
        while chunk := answer.read(CHUNK):
            file.write(chunk)
        if answer.length:
            raise OSError(f"the transfer was cut, {answer.length} bytes are missing")


def _size(url: str) -> int | None:
    """How large a file is, if its server says so."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            length = answer.headers.get("Content-Length")
    except (OSError, http.client.HTTPException):
        return None
    return int(length) if length and length.isdigit() else None
