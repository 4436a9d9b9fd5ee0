"""The compiled kernels of synthesis blocks, made by the user's C compiler and kept in the cache.

The compiler takes half a second, once for a machine. Without one, blocks compute in plain PyTorch.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob.io import files
from invprob.weights import precision, store

KIND = "kernels"
SOURCE = Path(__file__).with_name("kernels.c")
LANES = 16
"""Kernels run along channels, whose number has to be a multiple of this."""
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC")
# the threads of OpenMP are those of torch, whose library is there already: it is not linked again
VARIANTS = (("-fopenmp", "-mprefer-vector-width=512"), ("-fopenmp",), ("-fopenmp-simd",))
PATIENCE = 60

TYPES: dict[str, Any] = {
    "p": ctypes.c_void_p,
    "l": ctypes.c_long,
    "i": ctypes.c_int,
    "f": ctypes.c_float,
}
SIGNATURES = {
    "filter": "pp l iii",
    "add_doubled": "pp l ii",
    "halved": "pp l ii",
    "scale": "ppp ll i",
    "scale_backward": "pppp l iii",
    "activate": "pi pppf ppp i ppp l iii",
    "activate_backward": "pp pppf ppp i ppp l iii",
}


class Kernels:
    """The functions of kernels.c.

    Args:
        path: The compiled library.

    Raises:
        OSError: If it cannot be loaded.
    """

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        self.chunks = library.chunks
        self.chunks.restype = ctypes.c_long
        self.functions = {}
        for name, letters in SIGNATURES.items():
            function = library[name]
            function.argtypes = [TYPES[letter] for letter in letters.replace(" ", "")]
            function.restype = None
            self.functions[name] = function

    def run(self, name: str, *args: Tensor | float | None) -> None:
        """Call a function.

        Args:
            name: Its name.
            args: Tensors whose memory is dense and in the order that the function documents,
                None, and numbers.
        """
        self.functions[name](*(a.data_ptr() if isinstance(a, Tensor) else a for a in args))

    def sums(self, shape: torch.Size, kinds: int) -> Tensor:
        """Make room for the sums of chunks.

        Args:
            shape: That of the features, (B, C, H, W).
            kinds: How many sums there are of each channel.

        Returns:
            Unset numbers (B, chunks, kinds, C).
        """
        batch, channels, height, width = shape
        return torch.empty(batch, self.chunks(height, width, channels), kinds, channels)


@lru_cache(maxsize=1)
def load() -> Kernels | None:
    """Load the kernels, which are compiled where they are not in the cache.

    Returns:
        The kernels; None where there is no C compiler that makes them.
    """
    command = [] if sys.platform == "win32" else compiler()
    about = f"{SOURCE.read_text(encoding='utf-8')} {command} {FLAGS} {VARIANTS}"
    key = hashlib.sha256((about + precision.machine(torch.device("cpu"))).encode()).hexdigest()[:16]
    place = None if (cache := store.cache()) is None else cache / KIND
    with contextlib.suppress(OSError):
        if place is not None and (kept := _kept(place, key)) is not None:
            return Kernels(kept)
    for variant in VARIANTS if command else ():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return _compiled(command, variant, place, key)
    return None


def _kept(place: Path, key: str) -> Path | None:
    """A whole library that nobody but this user can have written, as it will be executed."""
    for path in place.glob(f"{key}-*.so"):
        safe = all(
            part.stat().st_uid == os.getuid() and not part.stat().st_mode & 0o022
            for part in (place, path)
        )
        if safe and path.name == _name(key, path.read_bytes()):
            return path
    return None


def _name(key: str, library: bytes) -> str:
    return f"{key}-{hashlib.sha256(library).hexdigest()[:16]}.so"


def compiler() -> list[str]:
    """Find the C compiler.

    Returns:
        The command: the variable CC, or the first of cc, gcc and clang; empty without one.
    """
    if own := os.environ.get("CC"):
        return shlex.split(own)
    return [path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))][:1]


def _compiled(
    command: list[str], variant: tuple[str, ...], place: Path | None, key: str
) -> Kernels:
    with tempfile.TemporaryDirectory() as folder:
        parts = Path(folder) / "kernels.o", Path(folder) / "kernels.so"
        commands = (
            [*command, *FLAGS, *variant, "-c", str(SOURCE), "-o", str(parts[0])],
            [*command, "-shared", str(parts[0]), "-o", str(parts[1])],
        )
        for line in commands:
            subprocess.run(line, check=True, capture_output=True, timeout=PATIENCE)
        kernels = Kernels(parts[1])
        library = parts[1].read_bytes()
    with contextlib.suppress(OSError):
        if place is not None:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            files.write_bytes(place / _name(key, library), library)
            (place / _name(key, library)).chmod(0o600)
    return kernels
