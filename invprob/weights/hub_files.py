"""Models of the hub by address, and which of their files are wanted."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from invprob import errors
from invprob.errors import BadInput, BadWeights
from invprob.io import checksums

PREFIX = "hf:"
_NAME = r"[A-Za-z0-9][\w.-]{0,95}"
_ADDRESS = re.compile(rf"hf:({_NAME}/{_NAME})(?:@([\w.-]+))?((?:/[\w.-]+)*)")
WEIGHTS = "diffusion_pytorch_model"
AUTOENCODERS = ("vqvae/", "vae/")
TEXT = ("text_encoder", "tokenizer")


@dataclass(frozen=True)
class Address:
    """A model on the hub, or a file of it.

    Attributes:
        repo: ``OWNER/NAME``.
        revision: A branch, a tag or a commit.
        file: The path of the file in it; None for the whole model.
    """

    repo: str
    revision: str
    file: str | None

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``hf:OWNER/NAME[@REVISION][/FILE]``.

        Args:
            text: What the user wrote.

        Returns:
            The address.

        Raises:
            BadInput: If it is not of this form.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None or ".." in text.split("/"):
            raise BadInput(
                f"{errors.shown(text)} does not name a model of the hub",
                "write hf:OWNER/NAME, hf:OWNER/NAME@REVISION or hf:OWNER/NAME/FILE",
            )
        return cls(found[1], found[2] or "main", found[3][1:] or None)

    @property
    def text(self) -> str:
        """The address as the user writes it."""
        at = "" if self.revision == "main" else f"@{self.revision}"
        return f"{PREFIX}{self.repo}{at}" + (f"/{self.file}" if self.file else "")


@dataclass(frozen=True)
class File:
    """A file of a model.

    Attributes:
        name: Its path in the model.
        size: Its size in bytes.
        sha256: Its SHA-256, which the hub tells of large files.
        sha1: The SHA-1 that git gives to its content, for the others.
    """

    name: str
    size: int
    sha256: str | None
    sha1: str | None

    def fits(self, path: Path) -> bool:
        """Whether a file on disk is this one.

        Args:
            path: The file.

        Returns:
            Whether size and checksum agree.
        """
        if path.stat().st_size != self.size:
            return False
        if self.sha256 is not None:
            return checksums.sha256(path) == self.sha256
        content = path.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        return blob.hexdigest() == self.sha1


def wanted(address: Address, listed: Iterable[File]) -> list[File]:
    """Choose the one file, or the configs and the best weights of a model of diffusers.

    Args:
        address: What the user named.
        listed: What the hub lists.

    Returns:
        The files to fetch.

    Raises:
        BadWeights: If they are not there, or the model needs a text.
    """
    by_name = {file.name: file for file in listed}
    if address.file is not None:
        if address.file not in by_name:
            raise BadWeights(
                f"{PREFIX}{address.repo} has no file {errors.shown(address.file)}",
                f"it has {', '.join(map(errors.shown, sorted(by_name)[:12])) or 'none'}",
            )
        return [by_name[address.file]]
    folders = {name.partition("/")[0] + "/" for name in by_name if "/" in name}
    if texts := sorted(name for name in folders if name.startswith(TEXT)):
        raise BadWeights(
            f"{PREFIX}{address.repo} needs a text: it has a part {errors.shown(texts[0][:-1])}",
            f"needed is an unconditional model; for a single file, write {PREFIX}{address.repo}"
            "/FILE",
        )
    inside = "unet/" if "unet/" in folders else ""
    timing = "scheduler/" if "scheduler/" in folders else ""
    weights = next((names for names in _weights(inside, by_name) if names), [])
    configs = ["model_index.json", f"{inside}config.json", f"{timing}scheduler_config.json"]
    for part in AUTOENCODERS if inside else ():
        beside = next((names for names in _weights(part, by_name) if names), [])
        if beside:
            configs.append(f"{part}config.json")
            weights = weights and [*weights, *beside]
    if not weights or configs[1] not in by_name:
        raise BadWeights(
            f"{PREFIX}{address.repo} is not a model that diffusers wrote",
            "needed are config.json and diffusion_pytorch_model.safetensors; for a single file,"
            f" write {PREFIX}{address.repo}/FILE",
        )
    return [by_name[name] for name in (*configs, *weights) if name in by_name]


def _weights(inside: str, names: Iterable[str]) -> Iterator[list[str]]:
    """Sets of weights files that are there, best first: full precision, then safetensors."""
    for variant in ("", ".fp16", ".bf16"):
        for kind in ("safetensors", "bin"):
            whole = f"{inside}{WEIGHTS}{variant}.{kind}"
            yield [name for name in names if name == whole]
            index = f"{inside}{WEIGHTS}.{kind}.index{variant}.json"
            part = re.compile(re.escape(f"{inside}{WEIGHTS}") + rf"[\w.]*-\d+-of-\d+[\w.]*\.{kind}")
            if index in names:
                yield [name for name in names if name == index or part.fullmatch(name)]
