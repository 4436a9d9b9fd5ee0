"""The pictures that files, folders and zip files hold, with names: for runs and for training.

A folder and a zip file are searched in depth and alike. What systems put beside pictures (hidden
files and folders, ``__MACOSX``, ``Thumbs.db``) is passed over. Anything else that is not a picture
is named in a notice, and so are folders of runs and links to folders.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from torch import Tensor

from invprob.errors import BadInput
from invprob.io.decode import decode, is_reduced, profile, size
from invprob.io.formats import FORMATS, SUFFIXES
from invprob.paths import check_encoding, existing, unreadable

MAX_MEMBER = 256 * 2**20
"""The largest member of a zip file that is unpacked, in bytes."""

LONGEST = 120
"""Bytes of a name of a picture, to which files of results add a few; some file systems keep 143."""

_JUNK = frozenset(["thumbs.db", "desktop.ini", "icon\r", "__macosx"])
_RUN = frozenset(["experiment.toml", "manifest.json"])
"""Files of the folder of a run, whose pictures are results."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageFile:
    """A picture to be read: a file, or a member of a zip file.

    Attributes:
        name: Its name, unique in its batch.
        path: The file, or the zip file.
        member: The name in the zip file; None for a file.
    """

    name: str
    path: Path
    member: str | None = None

    @property
    def label(self) -> str:
        """What errors call it."""
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"

    def read(self, channels: int | None = 3) -> Tensor:
        """Read the picture.

        Args:
            channels: 1 or 3; None for what the picture has.

        Returns:
            The picture as (C, H, W), in [0, 1].

        Raises:
            BadInput: If it cannot be read.
        """
        with self.open() as stream:
            return decode(stream, self.label, channels)

    def size(self) -> tuple[int, int]:
        """(height, width) from the header; raises `BadInput` if that cannot be read."""
        with self.open() as stream:
            return size(stream, self.label)

    def is_reduced(self) -> bool:
        """Whether it holds more bits than are read, as colours of 16 bits do; raises `BadInput`."""
        with self.open() as stream:
            return is_reduced(stream, self.label)

    def profile(self) -> bytes | None:
        """Its colour profile, if it has one; raises `BadInput` if the header cannot be read."""
        with self.open() as stream:
            return profile(stream, self.label)

    @contextlib.contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the picture's file.

        Yields:
            The bytes of the picture.

        Raises:
            BadInput: If it cannot be read.
        """
        if self.member is not None:
            yield io.BytesIO(_unpack(self.path, self.member))
            return
        try:
            stream = self.path.open("rb")
        except OSError as error:
            raise unreadable(self.path, error) from None
        with stream:
            try:
                yield stream
            except OSError as error:
                raise unreadable(self.path, error) from None


def gather(
    paths: Iterable[str | Path], besides: Iterable[str] = (), taken: Iterable[str] = ()
) -> list[ImageFile]:
    """Find the pictures that files, folders and zip files hold.

    Args:
        paths: The files, folders and zip files.
        besides: Suffixes of other files that folders are searched for.
        taken: Names that no picture may get, since another file of the results has them.

    Returns:
        The pictures in order, with unique names.

    Raises:
        BadInput: If a path does not exist, or nothing is found.
    """
    found = [place for given in paths for place in _inside(existing(given), besides)]
    names: dict[str, None] = dict.fromkeys(taken)
    files = []
    for path, member in found:
        check_encoding(str(path))
        inner = PurePosixPath(path) if member is None else PurePosixPath(member)
        name = _unique(inner.stem, inner.parent.name, names)
        names[name.casefold()] = None
        files.append(ImageFile(name, path, member))
    return files


def safe(name: str) -> str:
    """Make a name that can be part of the names of files, in any file system.

    Args:
        name: A name.

    Returns:
        The same without what a file system refuses.
    """
    plain = re.sub(r"[^\w.\- ]", "_", name)
    return plain.encode()[:LONGEST].decode(errors="ignore") or "_"


def _inside(path: Path, besides: Iterable[str]) -> list[tuple[Path, str | None]]:
    """What a path stands for: (file, None), or (zip file, member)."""
    if path.is_file() and not _is_zip(path):
        return [(path, None)]
    kind = "folder" if path.is_dir() else "zip file"
    inside = _in_folder(path) if path.is_dir() else _in_zip(path)
    kept = [name for name in inside if not _is_junk(name)]
    known = {*SUFFIXES, *(besides if path.is_dir() else ())}
    pictures = [name for name in kept if PurePosixPath(name).suffix.lower() in known]
    others = [name for name in kept if PurePosixPath(name).suffix.lower() not in known]
    if not pictures:
        raise BadInput(f"{kind} {path} holds no images", f"accepted: {FORMATS}")
    if others:
        _tell_left_out(path, others, "which are not pictures")
    return [(path / name, None) if path.is_dir() else (path, name) for name in pictures]


def _is_zip(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix == ".zip" or (suffix not in SUFFIXES and zipfile.is_zipfile(path))


def _is_junk(name: str) -> bool:
    return any(part.startswith(".") or part.lower() in _JUNK for part in PurePosixPath(name).parts)


def _in_folder(path: Path) -> list[str]:
    def refuse(error: OSError) -> None:
        raise unreadable(error.filename or path, error)

    found, runs, links = list[Path](), list[Path](), list[Path]()
    for folder, inner, names in os.walk(path, onerror=refuse):
        here = Path(folder)
        if here != path and _RUN.issubset(names):
            runs.append(here)
            inner.clear()
            continue
        inner[:] = [name for name in inner if not _is_junk(name)]
        links += [here / name for name in inner if (here / name).is_symlink()]
        found += [here / name for name in names]
    links += [p for p in found if p.is_symlink() and not p.exists()]

    def names_of(places: list[Path]) -> list[str]:
        return [p.relative_to(path).as_posix() for p in sorted(places)]

    _tell_left_out(path, names_of(runs), "which hold runs of invprob")
    _tell_left_out(path, names_of(links), "which are links to folders or to nothing")
    return names_of([p for p in found if p.is_file()])


def _tell_left_out(path: Path, names: list[str], why: str) -> None:
    if names:
        few = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        _log.warning("%s: %d left out, %s: %s", path, len(names), why, few)


def _in_zip(path: Path) -> list[str]:
    return sorted(i.filename for i in _archive(path).infolist() if not i.is_dir())


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        about = path.stat()
        return _opened(path.absolute(), about.st_mtime_ns, about.st_size, os.getpid())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise unreadable(path, error) from None


@functools.lru_cache(maxsize=4)
def _opened(path: Path, changed: int, length: int, process: int) -> zipfile.ZipFile:
    """A zip file, kept open: its directory takes 0.2 s for 30,000 pictures, and each is read.

    A process that was forked opens it anew, since both would move the same place in the file."""
    return zipfile.ZipFile(path)


def _unpack(path: Path, member: str) -> bytes:
    """The bytes of a member, never more than `MAX_MEMBER` whatever its header claims."""
    whole = _archive(path)
    try:
        with whole.open(member) as stream:
            data = stream.read(MAX_MEMBER + 1)
    except Exception as error:  # bad or encrypted archives raise half a dozen unrelated classes
        raise unreadable(f"{path}/{member}", error) from None
    if len(data) > MAX_MEMBER:
        raise BadInput(
            f"{path}/{member} unpacks to more than {MAX_MEMBER // 2**20} MiB",
            "unpack the zip file and look at what is in it",
        )
    return data


def _unique(stem: str, parent: str, taken: dict[str, None]) -> str:
    """A name that is safe as a file name and differs, also in lower case, from those taken."""
    plain, longer = safe(stem), safe(f"{parent}-{stem}")
    for name in (plain, longer) if parent else (plain,):
        if name.casefold() not in taken:
            return name
    number = 2
    while f"{plain}-{number}".casefold() in taken:
        number += 1
    return f"{plain}-{number}"
