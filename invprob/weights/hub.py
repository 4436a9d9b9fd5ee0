"""Weights from the Hugging Face hub: ``hf:OWNER/NAME``, a folder of diffusers, or a file in it.

``hf:OWNER/NAME@REVISION`` is the model at a branch, tag or commit, ``hf:OWNER/NAME/FILE`` one file
of it. What is fetched lies in the cache by commit, with the hash of every file, and is used from
there without the network from then on. Nothing is fetched unless the user allows downloads; before
that, the hub is only asked for names, sizes and the licence.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from invprob import errors, paths
from invprob.errors import BadWeights
from invprob.io import checksums, files
from invprob.weights import consent, hub_files
from invprob.weights.hub_files import PREFIX, Address, File

_COMMIT = re.compile(r"[0-9a-f]{40}")
RECORD = "record.json"


def path(text: str, cache: Path) -> Path:
    """The folder or file of an address, fetched if it is not here and downloads are allowed.

    Args:
        text: ``hf:OWNER/NAME[@REVISION][/FILE]``.
        cache: The cache of invprob.

    Returns:
        A folder as diffusers writes it, or the file.

    Raises:
        BadInput: If the address is wrong.
        BadWeights: If it is not here and may not be, or cannot be, fetched, or is damaged.
    """
    address = Address.parse(text)
    place = _kept(address, cache)
    if place is None:
        place = fetch(address, cache)
    if wrong := _changed(place):
        raise BadWeights(
            f"{place / wrong[0]} is not as it was fetched", f"invprob weights fetch {address.text}"
        )
    return place / address.file if address.file else place


def fetch(address: Address, cache: Path) -> Path:
    """Fetch a model, or bring it up to date; a copy that is whole stays, and another one until the
    new one is here.

    Args:
        address: What to fetch.
        cache: The cache of invprob.

    Returns:
        Its folder in the cache.

    Raises:
        BadWeights: If there is no network, no permission, no such model or file, or if what came is
            not what the hub promised.
    """
    if consent.offline():
        raise BadWeights(
            f"weights {address.text} are not here, and HF_HUB_OFFLINE is set",
            "unset it, or give a folder or file that you have",
        )
    if address.file == RECORD:
        raise BadWeights(f"{address.text} is not weights", f"{RECORD} is what is noted of a model")
    commit, licence, listed = _ask(address)
    place = _place(address, cache) / commit
    if _whole(place):
        _name(address, cache, commit)
        return place
    wanted = hub_files.wanted(address, listed)
    total = consent.size(sum(file.size for file in wanted))
    told = f"{address.text}: {len(wanted)} files, {total}, licence {licence}"
    if not consent.allowed():
        raise BadWeights(
            f"weights {told}, are not here, and nothing is downloaded unless you say so",
            "add --download, or set INVPROB_DOWNLOAD=1",
        )
    errors.warn(f"fetching {told}")
    parts = place.parent / f".{commit}"  # what a cut transfer left is gone on with
    try:
        got = {file.name: _download(address, commit, file, parts) for file in wanted}
        with files.new_folder(place) as part:
            for name, source in got.items():
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, part / name)
            record = {
                "address": asdict(address),
                "commit": commit,
                "licence": licence,
                "sha256": {name: checksums.sha256(part / name) for name in got},
            }
            files.write_json(part / RECORD, record)
            if place.is_dir():
                shutil.rmtree(place)
    except OSError as error:
        raise _unwritable(place, error) from None
    _name(address, cache, commit)
    shutil.rmtree(parts, ignore_errors=True)
    return place


def _unwritable(place: Path, error: OSError) -> BadWeights:
    return BadWeights(f"{place} cannot be written: {paths.reason(error)}", "set INVPROB_CACHE")


def _name(address: Address, cache: Path, commit: str) -> None:
    """Note which commit a branch or tag is."""
    reference = _reference(address, cache)
    try:
        files.write_text(reference, commit)
    except OSError as error:
        raise _unwritable(reference, error) from None


def _place(address: Address, cache: Path) -> Path:
    # a file of the name must not lie where the whole model does
    inside = "folder" if address.file is None else address.file.replace("/", "--")
    if address.file == "folder":
        inside = "--folder"
    return cache / "hub" / address.repo.replace("/", "--") / inside


def _reference(address: Address, cache: Path) -> Path:
    """The file that holds the commit of a branch or tag, as it was when it was fetched."""
    return _place(address, cache) / f"{address.revision.replace('/', '--')}.ref"


def _kept(address: Address, cache: Path) -> Path | None:
    commit, reference = address.revision, _reference(address, cache)
    if not _COMMIT.fullmatch(commit):
        if not reference.is_file():
            return None
        commit = reference.read_text(encoding="utf-8", errors="replace").strip()
        if not _COMMIT.fullmatch(commit):  # it is damaged, and fetching mends it
            return None
    place = _place(address, cache) / commit
    return place if (place / RECORD).is_file() else None


def _read(place: Path) -> dict[str, Any]:
    try:
        record = json.loads((place / RECORD).read_text(encoding="utf-8"))
        if not isinstance(record["sha256"], dict):
            raise TypeError("sha256 is not a table")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadWeights(f"{place / RECORD} cannot be read: {error}", f"remove {place}") from None
    return dict(record)


def _changed(place: Path) -> list[str]:
    """The files of a copy that are not as they were fetched."""
    digests = _read(place)["sha256"]
    return [name for name, digest in digests.items() if _digest(place / name) != digest]


def _whole(place: Path) -> bool:
    """Whether a copy has all that was fetched."""
    try:
        return place.is_dir() and not _changed(place)
    except BadWeights:
        return False


def _digest(file: Path) -> str | None:
    return checksums.sha256(file) if file.is_file() else None


def _ask(address: Address) -> tuple[str, str, list[File]]:
    """The commit of a revision, the licence, and the files that the hub lists."""
    from huggingface_hub import HfApi

    with _faults(address):
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        info = api.model_info(address.repo, revision=address.revision, files_metadata=True)
        card: Any = info.card_data or {}
        licence = card.get("license") or "not stated"
        listed = [
            File(s.rfilename, s.size or 0, s.lfs.sha256 if s.lfs else None, s.blob_id)
            for s in info.siblings or ()
        ]
        return str(info.sha), errors.shown(licence), listed


def _download(address: Address, commit: str, file: File, parts: Path) -> Path:
    """A file as the hub promised it, in a folder of parts."""
    from huggingface_hub import hf_hub_download

    with _faults(address):
        got = Path(
            hf_hub_download(
                address.repo,
                file.name,
                revision=commit,
                cache_dir=parts,
                endpoint=os.environ.get("HF_ENDPOINT"),
            )
        )
    if not file.fits(got):
        shutil.rmtree(parts, ignore_errors=True)
        raise BadWeights(
            f"{file.name} of {PREFIX}{address.repo} came with another hash than the hub lists",
            "it was removed; try again, and do not use it if this stays so",
        )
    return got


@contextlib.contextmanager
def _faults(address: Address) -> Iterator[None]:
    """Whatever huggingface_hub raises becomes one sentence."""
    try:
        yield
    except errors.InvprobError:
        raise
    except Exception as error:  # of several libraries, without a common class
        name = type(error).__name__
        if name in ("RepositoryNotFoundError", "RevisionNotFoundError"):
            missing = "model" if name.startswith("Repo") else "revision"
            raise BadWeights(
                f"the hub has no {missing} {address.text}, or it is not public", "check the name"
            ) from None
        raise BadWeights(
            f"{address.text} could not be fetched: {paths.reason(error)}",
            "try again; what has come is kept",
        ) from None
