"""The tensors of a network in a folder of diffusers: one file or several, safetensors or `.bin`.

Pickles are read by `invprob.weights.unpickle`, which runs nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from invprob.errors import BadWeights, shown
from invprob.io import checksums, tensor_files
from invprob.weights import store
from invprob.weights.unpickle import open_tree

NETWORK = "diffusion_pytorch_model.safetensors"
INDEX = ".index"
OLD = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Names of attention before diffusers 0.15."""


def names() -> Iterator[str]:
    """What the weights of a network may be called, best first: full precision, then safetensors."""
    for variant in ("", ".fp16", ".bf16"):
        for kind in ("safetensors", "bin"):
            yield f"diffusion_pytorch_model{variant}.{kind}"
            yield f"diffusion_pytorch_model.{kind}.index{variant}.json"


def network_file(folder: Path, part: str = "unet") -> Path:
    """The file of a part's weights, or the list of their pieces; the usual place if neither is."""
    inside = folder / part if (folder / part).is_dir() else folder
    found = (inside / name for name in names() if (inside / name).is_file())
    return next(found, inside / NETWORK)


def folder_of(name: str, what: str, needed: str) -> Path:
    """Find the folder of a model.

    Args:
        name: A path, or an address on the hub.
        what: What messages call such a model.
        needed: What it has to be, in words.

    Returns:
        The folder.

    Raises:
        BadWeights: If there is none.
    """
    found = store.path(name)
    if found is None:
        raise BadWeights(f"there is no {what} {name!r}", store.where(name, ()))
    if not found.is_dir():
        raise BadWeights(f"{found} is not a folder", needed)
    return found


def read_tensors(file: Path, expected: str | None = None) -> dict[str, Tensor]:
    """The tensors, float32, by today's names; raises `BadWeights`.

    Args:
        file: weights, or the list of the files that they are divided into.
        expected: the SHA-256 of the file, where one is known.
    """
    if not file.is_file():
        raise BadWeights(
            f"{file.parent} holds no {NETWORK}",
            "give a folder that diffusers wrote, with safetensors or a .bin file",
        )
    if file.suffix != ".json":
        tensors = _read(file, expected)
    elif expected is not None:
        raise BadWeights(
            f"the weights of {file.parent} are divided into several files, of no one SHA-256",
            "leave out sha256=…",
        )
    else:
        tensors = _parts(file)
    for name, value in tensors.items():
        if not isinstance(value, Tensor) or not value.is_floating_point():
            raise BadWeights(f"{shown(name)} in {file} is not a tensor of real numbers", "")
        if not bool(value.float().isfinite().all()):  # those of 8 bits cannot be asked
            raise BadWeights(
                f"tensor {shown(name)} in {file} holds numbers that are not finite", ""
            )
    return {_today(name): value.float().contiguous() for name, value in tensors.items()}


def _read(file: Path, expected: str | None = None) -> dict[str, Any]:
    if not file.is_file():
        raise BadWeights(f"there is no file {file}", "give the whole folder that diffusers wrote")
    if file.suffix == ".safetensors":
        return dict(tensor_files.read(file, expected)[0])
    checksums.check(file, expected)
    tree = open_tree(file)
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise BadWeights(f"{file} does not hold tensors by name", "diffusers writes them so")
    return tree


def _parts(index: Path) -> dict[str, Any]:
    """What a list of parts promises: each tensor in the file that is named for it."""
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadWeights(f"{index} cannot be read: {error}", "diffusers writes one") from None
    if not isinstance(places, Mapping) or not all(_plain(place) for place in places.values()):
        raise BadWeights(f"{index} does not name files beside it", "diffusers writes one")
    found: dict[str, Any] = {}
    for place in sorted(set(places.values())):
        part = _read(index.parent / place)
        named = {name for name, at in places.items() if at == place}
        if part.keys() != named:
            name = min(part.keys() ^ named)
            raise BadWeights(
                f"{index.parent / place} and {index.name} do not agree on {shown(name)}",
                "the folder is damaged, or of two versions",
            )
        found |= part
    return found


def _plain(place: Any) -> bool:
    """Whether this is the name of weights in the same folder."""
    return isinstance(place, str) and bool(re.fullmatch(r"[\w.-]+\.(safetensors|bin)", place))


def _today(name: str) -> str:
    old = re.fullmatch(rf"(.*attentions\.\d+)\.({'|'.join(OLD)})\.(weight|bias)", name)
    return f"{old[1]}.{OLD[old[2]]}.{old[3]}" if old else name
