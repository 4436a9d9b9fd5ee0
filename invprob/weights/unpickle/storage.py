"""Storages and the tensors that view them, checked before memory is taken."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from invprob.errors import shown
from invprob.weights.unpickle.inert import Name
from invprob.weights.unpickle.limits import DIMENSIONS, Budget, Refused

DTYPES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}
LARGEST = 1 << 48  # elements that the shape of an empty tensor may multiply to


class Storage:
    """Numbers in a row, on the CPU; filled once.

    Args:
        kind: The type of the numbers.
        size: How many.
        budget: What the file may use.
    """

    def __init__(self, kind: Any, size: Any, budget: Budget) -> None:
        if not isinstance(kind, Name) or kind.text not in DTYPES:
            raise Refused(f"it has a storage of type {shown(getattr(kind, 'text', kind))}")
        if type(size) is not int or size < 0:
            raise Refused(f"it has a storage of size {shown(size)}")
        dtype = DTYPES[kind.text]
        self.bytes = size * dtype.itemsize
        budget.store(self.bytes)
        self.flat = torch.empty(size, dtype=dtype)
        self.filled = False

    def fill(self, raw: memoryview) -> None:
        """Copy numbers in.

        Args:
            raw: Their bytes, little-endian.

        Raises:
            Refused: If there are more or fewer bytes than the storage has.
        """
        if len(raw) != self.bytes or self.filled:
            raise Refused(f"it has {len(raw)} bytes for a storage of {self.bytes}")
        self.filled = True
        if self.bytes:
            own = self.flat.view(torch.uint8)
            own.numpy().data[:] = raw
            if self.flat.dtype is torch.bool:
                own.clamp_(max=1)


def view(storage: Any, offset: Any, size: Any, stride: Any, budget: Budget) -> Tensor:
    """Make a dense view of a storage: inside of it, no element twice.

    Args:
        storage: The storage.
        offset: The first element.
        size: The shape.
        stride: The strides, in elements.
        budget: What the file may use.

    Returns:
        The tensor.

    Raises:
        Refused: If it is not such a view.
    """
    if not isinstance(storage, Storage):
        raise Refused("it has a tensor without a storage")
    if type(size) is not tuple or type(stride) is not tuple or len(size) != len(stride):
        raise Refused("it has a tensor whose shape and strides do not agree")
    if len(size) > DIMENSIONS:
        raise Refused(f"it has a tensor of {len(size)} dimensions, more than {DIMENSIONS}")
    if any(type(n) is not int or n < 0 for n in (offset, *size, *stride)):
        raise Refused("it has a tensor whose shape or strides are not numbers")
    count = math.prod(size)
    shape = "×".join(shown(n) for n in size)
    if math.prod(max(n, 1) for n in size) > LARGEST:
        raise Refused(f"it has a tensor of shape {shape}, which is too large")
    if count == 0:
        return torch.empty(size, dtype=storage.flat.dtype)
    reach = 0  # of the dimensions so far, the ones with the smaller strides
    for step, length in sorted(zip(stride, size, strict=True)):
        if length > 1:
            if step <= reach:
                raise Refused(f"it has a tensor of shape {shape} whose strides overlap")
            reach += step * (length - 1)
    if offset + reach >= len(storage.flat):
        raise Refused(
            f"it has a tensor of shape {shape} that reaches beyond its storage of"
            f" {len(storage.flat)} numbers"
        )
    budget.copy(count * storage.flat.itemsize)
    strides = [s if n > 1 else 1 for s, n in zip(stride, size, strict=True)]
    return storage.flat.as_strided(size, strides, offset)
