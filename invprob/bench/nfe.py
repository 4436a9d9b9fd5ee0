"""Counting how often networks are asked: calls of the generator, and of the network in a prior."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from torch import nn

from invprob.generator import Generator


class Passes:
    """A context in which every forward pass counts; a batch of samples is one pass.

    Args:
        generator: The generator, whose passes count.
        priors: The networks whose passes count apart.
    """

    def __init__(self, generator: Generator, priors: Iterable[nn.Module]) -> None:
        self.generator = 0
        self.prior = 0
        self._handles: list[Any] = []
        self._generator = generator
        # a prior's own methods are not calls of a module; the network inside it is called
        self._nets = [
            c for prior in priors for c in prior.children() if any(True for _ in c.parameters())
        ]

    def __enter__(self) -> Self:
        def of_generator(*_: Any) -> None:
            self.generator += 1

        def of_prior(*_: Any) -> None:
            self.prior += 1

        self._handles = [self._generator.register_forward_hook(of_generator)]
        self._handles += [net.register_forward_hook(of_prior) for net in self._nets]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()

    def counts(self) -> dict[str, int]:
        """Passes through the generator and through the networks of priors."""
        return {"generator_passes": self.generator, "prior_passes": self.prior}
