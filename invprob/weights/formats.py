"""Weights files of any format that a plugin converts: found by content, converted in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from invprob.config.registry import Entry, registry
from invprob.converter import Converted, Converter
from invprob.errors import BadWeights, BrokenPlugin, InvprobError, shown, warn
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
        BrokenPlugin: If the converter that is named is faulty; without a name it is passed over.
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
        if not _recognises(converter, entry, tree):
            raise BadWeights(
                f"{path} is not what converter {spec.name!r} reads: {entry.component.summary}",
                "leave out --converter to have the format found by content",
            )
        return entry.component.name, converter
    entries = registry().of_kind("converter")
    found, faulty = _all_recognising(entries, tree)
    if not found:
        known = [e.component.summary.rstrip(".") for e in entries if e not in faulty]
        hint = f"{'save its state_dict; ' if isinstance(tree, Inert) else ''}known are: "
        hint += "; ".join(known)
        if faulty:
            hint += f"; not asked, for they fail: {', '.join(e.full_name for e in faulty)}"
        raise BadWeights(
            f"{path} is of no format that a converter recognises: it holds {describe(tree)}", hint
        )
    if len(found) > 1:
        names = " or ".join(name for name, _ in found)
        raise BadWeights(f"{path} is read by several converters", f"say --converter {names}")
    return found[0]


def _all_recognising(
    entries: Iterable[Entry], tree: Any
) -> tuple[list[tuple[str, Converter]], list[Entry]]:
    """The converters that recognise a tree, and those that fail, which are passed over."""
    found, faulty = [], []
    for entry in entries:
        try:
            converter = _built(entry, {})
            if _recognises(converter, entry, tree):
                found.append((entry.component.name, converter))
        except InvprobError as error:
            warn(f"{error.message}; it is passed over")
            faulty.append(entry)
    return found, faulty


def _built(entry: Entry, values: dict[str, Any]) -> Converter:
    target = entry.load()
    params = entry.params().parse(values, f"converter {entry.component.name}")
    with _blamed_on(entry):
        converter = target(params)
        if not isinstance(converter, Converter):
            raise TypeError(f"its target makes a {type(converter).__name__}, not a Converter")
    return converter


def _recognises(converter: Converter, entry: Entry, tree: Any) -> bool:
    with _blamed_on(entry):
        return bool(converter.recognise(tree))


@contextmanager
def _blamed_on(entry: Entry) -> Iterator[None]:
    """Whatever a converter raises is a fault of its plugin."""
    try:
        yield
    except InvprobError:
        raise
    except Exception as error:
        raise BrokenPlugin(
            f"converter {entry.component.name!r} of plugin {entry.plugin!r} is faulty:"
            f" {type(error).__name__}: {error}",
            f"set INVPROB_BLOCK={entry.plugin}, or tell its author: `invprob check {entry.plugin}`",
        ) from error


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
