"""All that a pickle may call or make. None of these is what the name says: they build data.

Of a class that is not here only the name and the state are kept, so that a network can be read
although others beside it are of code that nobody has (the discriminators of projected GANs).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import Any

from torch import Tensor

from invprob.errors import shown
from invprob.weights.unpickle import legacy
from invprob.weights.unpickle.inert import Inert
from invprob.weights.unpickle.limits import NESTED, Refused
from invprob.weights.unpickle.machine import Machine, Vocabulary, hashable
from invprob.weights.unpickle.storage import Storage, view

_NUMBERS = {
    "b1": "?", "f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q",
    "u1": "B", "u2": "H", "u4": "I", "u8": "Q",
}  # fmt: skip
_PYTHON = {*sys.stdlib_module_names, "__builtin__", "copy_reg"}
"""Modules whose objects no network needs: who names them wants to run something."""


def _persistent(machine: Machine, meta: Any) -> Inert:
    """NVlabs: an object whose class travels as source code; the name and the state are kept."""
    if not isinstance(meta, dict) or meta.get("type") != "class":
        raise Refused("it has a persistent object that is not a class")
    if not isinstance(meta.get("class_name"), str):
        raise Refused("it has a persistent object without a name")
    return Inert(meta["class_name"], meta.get("state"))


def _tensor(
    machine: Machine,
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any = False,
    hooks: Any = None,
    metadata: Any = None,
) -> Tensor:
    if hooks or metadata:
        raise Refused("it has a tensor with hooks or metadata")
    return view(storage, offset, size, stride, machine.budget)


def _parameter(machine: Machine, data: Any, requires_grad: Any = False, hooks: Any = None) -> Any:
    if not isinstance(data, Tensor) or hooks:
        raise Refused("it has a parameter that is not a tensor, or has hooks")
    return data


def _nested(machine: Machine, raw: Any) -> Storage:
    if machine.depth >= NESTED:
        raise Refused("it has a pickle in a pickle in a pickle")
    if not isinstance(raw, (bytes, memoryview)):
        raise Refused("it has a storage that is not bytes")
    found = legacy.read(memoryview(raw), machine.budget, machine.vocabulary, machine.depth + 1)
    if not isinstance(found, Storage):
        raise Refused("it has a pickle in a pickle that is not a storage")
    return found


def _dictionary(machine: Machine, items: Any = ()) -> dict[Any, Any]:
    machine.budget.step(len(items))
    return {hashable(key): value for key, value in items}


def _set(machine: Machine, items: Any = ()) -> set[Any]:
    machine.budget.step(len(items))
    return {hashable(item) for item in items}


def _size(machine: Machine, items: Any) -> tuple[Any, ...]:
    machine.budget.step(len(items))
    return tuple(items)


def _device(machine: Machine, kind: Any, index: Any = None) -> str:
    name = shown(kind) if index is None else f"{shown(kind)}:{shown(index)}"
    machine.budget.copy(len(name))
    return name


def _encoded(machine: Machine, text: Any, encoding: Any) -> bytes:
    """How protocol 2 writes bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise Refused("it encodes text that is not bytes")
    machine.budget.copy(len(text))
    return text.encode("latin-1")


def _number_type(machine: Machine, code: Any, *_: Any) -> Inert:
    return Inert("numpy.dtype." + shown(code))


def _array(machine: Machine, *_: Any) -> Inert:
    """A numpy array; nobody needs its numbers, which stay bytes in its state."""
    return Inert("numpy.ndarray")


def _number(machine: Machine, kind: Any, raw: Any) -> float | int | bool:
    """A numpy scalar; the state of its type says, second, in which order the bytes stand."""
    if not isinstance(kind, Inert) or not kind.name.startswith("numpy.dtype."):
        raise Refused("it has a number without a type")
    if (code := kind.name[12:]) not in _NUMBERS:
        raise Refused(f"it has numbers of type {code}")
    order = ">" if isinstance(kind.state, tuple) and kind.state[1:2] == (">",) else "<"
    (value,) = struct.unpack(order + _NUMBERS[code], raw)
    assert isinstance(value, (float, int, bool))
    return value


CALLS: dict[str, Callable[..., Any]] = {
    "torch_utils.persistence._reconstruct_persistent_obj": _persistent,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.storage._load_from_bytes": _nested,
    "torch.Size": _size,
    "torch.device": _device,
    "collections.OrderedDict": _dictionary,
    "builtins.set": _set,
    "__builtin__.set": _set,
    "_codecs.encode": _encoded,
    "numpy.dtype": _number_type,
    "numpy.core.multiarray.scalar": _number,
    "numpy._core.multiarray.scalar": _number,
    "numpy.core.multiarray._reconstruct": _array,
    "numpy._core.multiarray._reconstruct": _array,
}
CLASSES: dict[str, Callable[[], Any]] = {
    "collections.OrderedDict": dict,
    "dnnlib.util.EasyDict": dict,
    "argparse.Namespace": lambda: Inert("argparse.Namespace"),
}


def stranger(name: str) -> Inert:
    """Make what stands for an object of a class that is not in `CLASSES`.

    Args:
        name: The name of the class, ``module.name``.

    Returns:
        The object, without a state.

    Raises:
        Refused: If it is a class of Python or of TensorFlow.
    """
    told = f"it wants to make an object of {shown(name)}"
    if name.startswith("dnnlib.tflib."):
        raise Refused(
            f"{told} (a TensorFlow snapshot; legacy.py of stylegan2-ada-pytorch turns it into"
            " PyTorch)"
        )
    if name.partition(".")[0] in _PYTHON:
        raise Refused(told)
    return Inert(name)


VOCABULARY = Vocabulary(CALLS, CLASSES, stranger)
