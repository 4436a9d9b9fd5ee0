"""What the configs in a folder of diffusers say of its parts, its network and its sizes.

Read are unconditional models, of pixels or of latents. Everything else is refused by name.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from diffusers import UNet2DModel

from invprob.errors import BadWeights, shown

PIPELINES = ("DDPMPipeline", "DDIMPipeline", "PNDMPipeline", "RePaintPipeline")
BESIDE = ("vae", "vq", "movq", "text_encoder", "image_encoder")
TEXT = ("text", "tokenizer", "prompt", "bert")
NEEDED = (
    "needed is an unconditional model of pixels: a UNet2DModel and a scheduler of DDPM's family or"
    " of flow matching; latent-decoder reads latent ones, consistency consistency models"
)


def read_json(path: Path) -> dict[str, Any]:
    """A config; raises `BadWeights`."""
    if not path.is_file():
        raise BadWeights(
            f"there is no config {path}",
            "give the folder of the whole pipeline, with the network and its scheduler",
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadWeights(f"config {path} cannot be read: {error}", "diffusers writes one") from None
    if not isinstance(found, dict):
        raise BadWeights(f"{path} is not a config", "diffusers writes one")
    return found


def index(folder: Path) -> dict[str, Any]:
    """The model_index.json of a folder; empty where there is none."""
    place = folder / "model_index.json"
    return read_json(place) if place.is_file() else {}


def timing(folder: Path) -> Path:
    """Where the scheduler's config of a folder is, in either layout."""
    inside = folder / "scheduler"
    return (inside if inside.is_dir() else folder) / "scheduler_config.json"


def check_pipeline(
    folder: Path,
    index: Mapping[str, Any],
    others: Collection[str] = (),
    pipelines: Collection[str] = PIPELINES,
    needed: str = NEEDED,
) -> None:
    """Raises `BadWeights` if more than a network and a scheduler belong to a model.

    Args:
        folder: the folder of the pipeline.
        index: its model_index.json; empty where there is none.
        others: parts that it may have besides.
        pipelines: the classes of diffusers that use such a model.
        needed: the hint.
    """
    parts = [k for k, v in index.items() if k[:1] != "_" and isinstance(v, list) and any(v)]
    folders = [path.name for path in sorted(folder.glob("*/")) if path.name.startswith(BESIDE)]
    beside = {*parts, *folders} - {"unet", "scheduler", *others}
    for part in sorted(beside, key=lambda name: (not name.startswith(TEXT), name)):
        why = "it is not one of pixels alone"
        if part.startswith(TEXT):
            why = "it needs a text"
        elif others:
            why = f"read are unet, scheduler and {' or '.join(others)}"
        raise BadWeights(
            f"the model of {folder} has a part {shown(part)} besides its network: {why}", needed
        )
    name = index.get("_class_name", next(iter(pipelines)))
    if name not in pipelines:
        raise BadWeights(
            f"the model of {folder} is used by {shown(name)}",
            f"read are models for {', '.join(pipelines)}; if this one is used alike, say so in"
            " model_index.json",
        )


def network(
    folder: Path, config: Mapping[str, Any], patch: Any, latent: int | None = None
) -> dict[str, Any]:
    """The arguments of its UNet2DModel; raises `BadWeights`.

    Args:
        folder: for messages.
        config: what stands beside the weights.
        patch: side of the pixel blocks that the network sees, 1 unless we wrote the folder.
        latent: channels of the latents that it is for; None: it is for pictures.
    """
    kind = config.get("_class_name", "no class")
    if kind != "UNet2DModel":
        raise BadWeights(f"the network of {folder} is {shown(kind)}, not UNet2DModel", NEEDED)
    if config.get("num_class_embeds") or config.get("class_embed_type"):
        raise BadWeights(f"the network of {folder} needs a class", "give an unconditional one")
    own = arguments(folder, config, UNet2DModel)
    if (timing := own.get("time_embedding_type", "positional")) != "positional":
        raise BadWeights(
            f"the network of {folder} knows times by time_embedding_type {shown(timing)}",
            "supported is positional: the steps of DDPM",
        )
    if type(patch) is not int or patch < 1:
        raise BadWeights(f"patch of {folder} is {shown(patch)}, not a number of pixels", "")
    _check_channels(folder, own, patch, latent)
    return {**own, "sample_size": _size(folder, own)}


def arguments(folder: Path, config: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """What a config says to a class of diffusers; raises `BadWeights` where it says more.

    Args:
        folder: for messages.
        config: what stands beside the weights.
        kind: the class.
    """
    known = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    own = {k: v for k, v in config.items() if k in known}
    strange = sorted(
        k for k, v in config.items() if k[:1] != "_" and k not in own and v is not None
    )
    if strange:
        raise BadWeights(
            f"the network of {folder} has the setting {shown(strange[0])}, which {kind.__name__} of"
            " diffusers here does not know",
            "install the diffusers that wrote it",
        )
    return own


def _check_channels(
    folder: Path, config: Mapping[str, Any], patch: int, latent: int | None
) -> None:
    inputs, outputs = config.get("in_channels", 3), config.get("out_channels", 3)
    if latent is not None and inputs != latent:
        raise BadWeights(
            f"the network of {folder} takes {shown(inputs)} channels, and its decoder {latent}",
            "give a folder whose parts belong together",
        )
    if latent is None and inputs not in (patch**2, 3 * patch**2):
        raise BadWeights(
            f"the network of {folder} takes {shown(inputs)} channels, not a grey or RGB picture of"
            " 1 or 3",
            NEEDED,
        )
    if outputs not in (inputs, 2 * inputs):
        raise BadWeights(
            f"the network of {folder} makes {shown(outputs)} channels of {inputs}",
            "needed are as many, or twice as many with learned variances",
        )


def _size(folder: Path, config: Mapping[str, Any]) -> int | tuple[int, int]:
    """The side of square pictures, or (height, width)."""
    size = config.get("sample_size")
    sides = tuple(size) if isinstance(size, list) and len(size) == 2 else (size, size)
    if any(type(side) is not int or side < 1 for side in sides):
        told = "does not say" if size is None else "does not understandably say"
        raise BadWeights(
            f"the network of {folder} {told} for which size of pictures it is",
            "write the side in pixels as sample_size into its config.json",
        )
    blocks = config.get("block_out_channels", ())
    halvings = len(blocks) - 1 if isinstance(blocks, list) else 0
    for side in sides:
        if side % 2 ** min(halvings, 30):
            raise BadWeights(
                f"the network of {folder} cannot halve pictures of {side} pixels {halvings} times",
                "sample_size in its config.json is wrong",
            )
    height, width = sides
    return height if height == width else (height, width)
