"""What the solvers of deepinv share: they work on images, in so many steps as they are told."""

from __future__ import annotations

from typing import Any

from invprob.errors import Incompatible
from invprob.generator import Generator
from invprob.operator import LinearOperator, with_white_noise
from invprob.solver import Problem, Solver, on_images


class ImageSolver(Solver):
    """A solver of images whose parameters have `steps`."""

    params: Any

    @property
    def name(self) -> str:
        """What messages call the solver."""
        return f"deepinv-{type(self).__name__.lower()}"

    def validate(self, generator: Generator) -> None:
        on_images(self.name, generator)

    def total(self, problem: Problem) -> int:
        return int(self.params.steps)

    def linear(self, problem: Problem) -> tuple[LinearOperator, float]:
        """Refuse all but linear operators with white noise.

        Args:
            problem: The problem.

        Returns:
            The operator and the standard deviation of its noise.

        Raises:
            Incompatible: For other operators and noises.
        """
        A = problem.operator
        found = with_white_noise(A)
        if found is None:
            raise Incompatible(
                f"{self.name} needs a linear operator with Gaussian noise, not {type(A).__name__}"
                f" with {type(A.noise).__name__}",
                "use deepinv-dps:guidance=norm, or a solver of another set",
            )
        return found
