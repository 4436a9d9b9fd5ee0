"""The state of torch that invprob computes in: torch's own defaults, whatever a script has set.

A result is a function of the experiment. It does not depend on the default precision or device, the
gradient mode, an autocast region or a switch for other kernels, which scripts set for themselves.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

SWITCHES: tuple[tuple[Callable[[], Any], Callable[[Any], None], Any], ...] = (
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
    (
        lambda: torch.backends.cudnn.benchmark,
        functools.partial(setattr, torch.backends.cudnn, "benchmark"),
        False,
    ),
)
"""What a process has one of: how to read it, how to set it, and torch's default."""

NO_KERNEL = ".*does not have a deterministic implementation"

_lock = threading.Lock()
_inside = 0
_before: list[Any] = []


@contextmanager
def standard() -> Iterator[None]:
    """Compute in torch's defaults, as a context or a decorator; afterwards all is as it was.

    Gradients stay on or off, but what is made is not a tensor of inference mode, through which
    autograd does not go. A wish for deterministic kernels is kept, but an operation that has none
    does not raise.
    """
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.no_grad())
        for device in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if torch.are_deterministic_algorithms_enabled():
            strict = not torch.is_deterministic_algorithms_warn_only_enabled()
            if strict:
                torch.use_deterministic_algorithms(True, warn_only=True)
                stack.callback(torch.use_deterministic_algorithms, True)
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", message=NO_KERNEL)
        stack.enter_context(_switched())
        yield


@contextmanager
def _switched() -> Iterator[None]:
    """Set the switches; of several threads the first sets them, and the last one sets them back."""
    global _inside
    with _lock:
        if _inside == 0:
            _before[:] = [read() for read, _, _ in SWITCHES]
            _set([default for *_, default in SWITCHES])
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _set(_before)


def _set(values: list[Any]) -> None:
    for (read, write, _), value in zip(SWITCHES, values, strict=True):
        if read() != value:
            write(value)


def standardise(cls: type, *methods: str) -> None:
    """Let methods that a class defines compute in torch's defaults.

    Args:
        cls: The class, which is changed in place.
        methods: Their names; those that the class inherits stay as they are.
    """
    for name in methods:
        if callable(method := vars(cls).get(name)):
            setattr(cls, name, standard()(method))


def differentiable(value: Any) -> Any:
    """Free tensors that were made in inference mode, which autograd refuses.

    Args:
        value: A tensor, or a module, which is changed in place.

    Returns:
        The module, or a tensor of the same numbers.
    """
    if isinstance(value, nn.Module):
        made = any(map(Tensor.is_inference, _all(value)))
        return value._apply(differentiable) if made else value  # type: ignore[no-untyped-call]
    return value.clone() if value.is_inference() else value


def _all(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()
