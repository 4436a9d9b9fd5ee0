"""What is estimated from weights: computed once, kept in the user's cache."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from torch import Tensor

from invprob.errors import BadWeights
from invprob.io import tensor_files
from invprob.weights import store


def kept(
    kind: str, key: str, estimate: Callable[[], Mapping[str, Tensor]], **about: object
) -> Mapping[str, Tensor]:
    """The tensors of an estimate, from the cache where it was made before.

    A cache that is damaged or cannot be written costs the time to compute again, and nothing else.

    Args:
        kind: what is estimated; names a folder of the cache.
        key: what it is estimated from, such as a SHA-256; names the file.
        estimate: computes the tensors.
        about: facts for the file.

    Returns:
        The tensors, the same bits whether they were computed or read.
    """
    if (place := store.cache()) is None:
        return estimate()
    path = place / kind / f"{key}.safetensors"
    with contextlib.suppress(BadWeights, OSError):
        tensors, metadata = tensor_files.read(path)
        if metadata.get("kind") == kind:
            return tensors
    made = estimate()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        tensor_files.write(path, made, {"kind": kind, **about})
    return made
