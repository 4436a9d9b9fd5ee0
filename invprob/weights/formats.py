"""Weights files of any format that a plugin converts: found by content, converted in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from invprob.config.registry import Entry, registry
from invprob.converter import Converted, Converter
from invprob.errors import BadWeights, shown
from invprob.io import checksums, tensor_files
from invprob.params import Spec
from invprob.weights.unpickle import Inert, open_tree


def read(path: Path, expected: str | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a file of ours, or one that a converter recognises.

    Args:
        path: The file.
        expected: The SHA-256 of the file itself; None where it is not known.

    Returns:
        Tensors by name, and the metadata.

    Raises:
        BadWeights: If it cannot be read, is not recognised, or has another SHA-256.
    """
    checksums.check(path, expected)
    if tensor_files.is_ours(path):
        return tensor_files.read(path)
    _, made = convert(path)
    return dict(made.tensors), tensor_files.as_text(made.metadata)


def convert(path: Path, spec: Spec | None = None) -> tuple[str, Converted]:
    """Convert a file; the metadata gets the name, the SHA-256 and the converter of the source.

    Args:
        path: The file.
        spec: The converter with its parameters; None for the one that recognises the file.

    Returns:
        The name of the converter, and what it made.

    Raises:
        BadWeights: If the file cannot be read or is not recognised.
    """
    digest = checksums.sha256(path)
    tree = open_tree(path)
    name, converter = _recognising(tree, path, spec)
    made = converter.convert(tree)
    source = {"source": path.name, "source_sha256": digest, "converter": name}
    return name, Converted(made.summary, made.tensors, {**made.metadata, **source})


def _recognising(tree: Any, path: Path, spec: Spec | None) -> tuple[str, Converter]:
    if spec is not None:
        entry = registry().find("converter", spec.name)
        converter = _built(entry, spec.params)
        if not converter.recognise(tree):
            raise BadWeights(
                f"{path} is not what converter {spec.name!r} reads: {entry.component.summary}",
                "leave out --converter to have the format found by content",
            )
        return entry.component.name, converter
    found = [(n, c) for n, c in _all(registry().of_kind("converter")) if c.recognise(tree)]
    if not found:
        known = "; ".join(e.component.summary.rstrip(".") for e in registry().of_kind("converter"))
        raise BadWeights(
            f"{path} is of no format that a converter recognises: it holds {describe(tree)}",
            f"{'save its state_dict; ' if isinstance(tree, Inert) else ''}known are: {known}",
        )
    if len(found) > 1:
        names = " or ".join(name for name, _ in found)
        raise BadWeights(f"{path} is read by several converters", f"say --converter {names}")
    return found[0]


def _all(entries: Iterable[Entry]) -> Iterator[tuple[str, Converter]]:
    for entry in entries:
        yield entry.component.name, _built(entry, {})


def _built(entry: Entry, values: dict[str, Any]) -> Converter:
    converter = entry.load()(entry.params().parse(values, f"converter {entry.component.name}"))
    assert isinstance(converter, Converter)
    return converter


def describe(tree: Any) -> str:
    """Describe a tree in a few words, for a message.

    Args:
        tree: What a file holds.

    Returns:
        The words.
    """
    if isinstance(tree, Inert):
        return f"an object of {shown(tree.name)}"
    if isinstance(tree, (list, tuple)) and tree:
        kinds = dict.fromkeys(describe(item) for item in tree[:3] if not isinstance(item, dict))
        return f"a {type(tree).__name__} of {len(tree)} ({', '.join(kinds) or 'dictionaries'})"
    if not isinstance(tree, dict):
        kind = type(tree).__name__
        return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    keys = ", ".join(ascii(key)[1:-1][:40] for key in list(tree)[:6] if isinstance(key, str))
    return f"{len(tree)} entries ({keys}{', …' if len(tree) > 6 else ''})" if tree else "nothing"
