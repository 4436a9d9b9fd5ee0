"""Solvers that lose count, remember, mix their chains or hide what they need."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from invprob.solver import Result
from invprob.testing import toys
from tests.testing.broken import breaks
from tests.testing.sound import Steps, Walk
from tests.toys import WalkState

FLAT = toys.normal(["log_density"], std=1e6)


def broken(check, seen, **changes):
    return breaks(check, seen, "solver", Steps, **changes)


@broken("stages-ascending", "stages are (3,), depth 3")
class TooDeep(Walk):
    def stages(self, generator):
        return (generator.depth,)


@broken("steps-counted", "init is at step 1")
class EarlyStart(Walk):
    def init(self, problem):
        return replace(super().init(problem), step=1)


@broken("steps-counted", "the total is 6")
class Overshooting(Walk):
    def step(self, problem, state):
        made = super().step(problem, state)
        return made._replace(state=replace(made.state, step=state.step + 4))


@broken("info-complete", "chi2 is ()")
class OneFigure(Walk):
    def step(self, problem, state):
        made = super().step(problem, state)
        chi2 = made.info.metrics["chi2"].mean()
        return made._replace(info=made.info._replace(metrics={"chi2": chi2}))


@broken("info-complete", "image (4, 16)")
class FlatImage(Walk):
    def step(self, problem, state):
        made = super().step(problem, state)
        return made._replace(info=made.info._replace(image=made.info.image.flatten(1)))


@broken("info-complete", "a draw without a latent")
class NoLatent(Walk):
    def step(self, problem, state):
        made = super().step(problem, state)
        return made._replace(info=made.info._replace(latent=None))


@broken("info-complete", "returns is 'both'")
class Undecided(Walk):
    returns = "both"


@broken("states-unchanged", "step 2 changes state.total")
class InPlace(Walk):
    """Adds up in place, from the second step on."""

    def step(self, problem, state):
        made = super().step(problem, state)
        if state.step:
            state.total.add_(made.info.image)
        return made


@broken("result-complete", "var is ()")
class NoVariance(Walk):
    def result(self, problem, state):
        image, mean, _ = super().result(problem, state)
        return Result(image, mean, torch.zeros(()))


@broken("result-complete", "a variance is negative")
class Negative(Walk):
    def result(self, problem, state):
        image, mean, var = super().result(problem, state)
        return Result(image, mean, var - 1)


@broken("fit-improves", "log p(y | x) goes from")
class Uphill(Walk):
    def step(self, problem, state):
        made = super().step(problem, state)
        away = 2 * state.x - made.state.x
        return made._replace(state=replace(made.state, x=away))


@broken("states-detached", "state.x has a graph")
class Attached(Walk):
    def step(self, problem, state):
        made = super().step(problem, state)
        with torch.enable_grad():
            x = made.state.x.requires_grad_() * 1
        return made._replace(state=replace(made.state, x=x))


@dataclass(frozen=True, kw_only=True)
class LongState(WalkState):
    images: Any = ()


@broken("memory-flat", "the state grows at every step")
class Hoarding(Walk):
    states = (LongState,)

    def init(self, problem):
        return LongState(**vars(super().init(problem)))

    def step(self, problem, state):
        made = super().step(problem, state)
        return made._replace(
            state=replace(state, **vars(made.state) | {"images": (*state.images, made.info.image)})
        )


@broken("memory-flat", "bytes are held before 50 steps")
class Remembering(Walk):
    seen: Any = None

    def step(self, problem, state):
        made = super().step(problem, state)
        self.seen = [*(self.seen or []), made.info.image]
        return made


@broken(
    "refuses-missing-needs", "needs a prior with a log_density", needs=("generator", "prior.score")
)
class Secretive(Walk):
    """Needs more than it says."""


@broken("refuses-missing-needs", "with a prior that can nothing it runs")
class Careless(Walk):
    """Says that it needs what it does not ask for."""

    def step(self, problem, state):
        whole = dict.fromkeys(problem.priors, FLAT)
        return super().step(replace(problem, priors=whole), state)


@broken("refuses-missing-needs", "it raises AttributeError", needs=("generator", "prior.score"))
class Assuming(Walk):
    def step(self, problem, state):
        t = torch.full((len(state.x),), 0.1, dtype=state.x.dtype)
        problem.priors[0].score(state.x, t)
        return super().step(replace(problem, priors={0: FLAT}), state)


@broken("weights-and-problem-unchanged", "the measurement changes")
class Whitening(Walk):
    def init(self, problem):
        problem.y.mul_(0.5)
        return super().init(problem)


@broken("weights-and-problem-unchanged", "requires_grad of first of the generator changes")
class Tuning(Walk):
    def init(self, problem):
        problem.generator.first.requires_grad_()
        return super().init(problem)


@broken("same-seed-same-results", "differs by")
class Random(Walk):
    def noise(self, problem, state):
        rng = torch.Generator()
        rng.seed()
        return torch.randn(state.x.shape, generator=rng, dtype=state.x.dtype)


@broken("resumes-with-same-bits", "the images are others")
class Forgetful(Walk):
    """What it remembers is not in the state."""

    velocity: Any = 0

    def init(self, problem):
        self.velocity = 0
        return super().init(problem)

    def noise(self, problem, state):
        self.velocity = 0.9 * self.velocity + super().noise(problem, state)
        return self.velocity


@broken("resumes-with-same-bits", "of another solver: 'WalkState'")
class Unlisted(Walk):
    states = ()


@broken("chains-independent", "differs by")
class Herding(Walk):
    """Chains are drawn to their mean."""

    def step(self, problem, state):
        made = super().step(problem, state)
        x = made.state.x
        return made._replace(state=replace(made.state, x=0.9 * x + 0.1 * x.mean(0, keepdim=True)))


@broken("chains-differ-by-key", "two chains of one measurement give the same image")
class Unkeyed(Walk):
    def init(self, problem):
        return super().init(replace(problem, keys=(0,) * len(problem.keys)))

    def noise(self, problem, state):
        return super().noise(replace(problem, keys=(0,) * len(problem.keys)), state)


@broken("precision-of-problem-kept", "same dtype")
class DoubleNoise(Walk):
    def noise(self, problem, state):
        return super().noise(problem, state).double()


@broken("precision-of-problem-kept", "mean is torch.float64")
class DoubleMean(Walk):
    def result(self, problem, state):
        image, mean, var = super().result(problem, state)
        return Result(image, mean.double(), var)


@broken("takes-latents-of-any-type", "it raised TypeError: unsupported operand")
class TensorsOnly(Walk):
    def step(self, problem, state):
        return super().step(problem, replace(state, x=state.x - 0.0))


@broken("moments-are-of-draws", "mean differs by")
class HalfMean(Walk):
    def result(self, problem, state):
        image, mean, var = super().result(problem, state)
        return Result(image, mean / 2, var)


@broken("moments-are-of-draws", "var is")
class SecondMoment(Walk):
    def result(self, problem, state):
        image, mean, _ = super().result(problem, state)
        return Result(image, mean, state.square / max(state.step, 1))
