"""The file of a run's measurements: what was measured, its names and, where known, the truth."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from invprob import fingerprint
from invprob.errors import BadInput, InvprobError
from invprob.io import tensor_files
from invprob.runs.data import Data

EXPERIMENT = "experiment.toml"


def write(path: Path, data: Data) -> None:
    """Write measurements, as `read` reads them.

    Args:
        path: The file.
        data: Names, measurements and truth.
    """
    arrays = {"measurement": data.y} | ({} if data.truth is None else {"truth": data.truth})
    about: dict[str, Any] = {"names": data.names, "digest": fingerprint.of_tensors(arrays)}
    about |= {} if data.image_shape is None else {"image_shape": data.image_shape}
    tensor_files.write(path, arrays, about)


def read(path: Path) -> Data:
    """Read the measurements of a run.

    Args:
        path: The file, in the folder of the run.

    Returns:
        Names, measurements and truth, on the CPU.

    Raises:
        BadInput: If they are gone or damaged.
    """
    try:
        arrays, metadata = tensor_files.read(path)
        names = tuple(json.loads(metadata["names"]))
        shape = tuple(json.loads(metadata.get("image_shape", "null")) or ()) or None
        found = Data(names, arrays["measurement"], arrays.get("truth"), shape)
        if metadata.get("digest", fingerprint.of_tensors(arrays)) != fingerprint.of_tensors(arrays):
            raise ValueError("its numbers have changed")
    except (InvprobError, OSError, ValueError, KeyError, TypeError):
        state = "damaged" if path.is_file() else "gone"
        raise BadInput(
            f"{path} is {state}, and the run cannot go on without the measurement",
            f"start it anew: invprob run {shlex.quote(str(path.with_name(EXPERIMENT)))}",
        ) from None
    return found
