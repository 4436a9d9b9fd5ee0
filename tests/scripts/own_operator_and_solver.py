"""An operator and a solver of one's own, without a package."""

from dataclasses import dataclass

import invprob
from invprob_basics import GaussianNoise


class Shrink(invprob.LinearOperator):
    in_shape, out_shape = (3, 64, 64), (3, 16, 16)

    def forward(self, x):
        return x.reshape(-1, 3, 16, 4, 16, 4).mean((3, 5))


@dataclass(frozen=True, kw_only=True)
class At(invprob.State):
    x: object


class Landweber(invprob.Solver):
    returns = "estimate"

    def total(self, problem):
        return 20

    def init(self, problem):
        return At(x=problem.operator.adjoint(problem.y))

    def step(self, problem, state):
        x = state.x + 8 * problem.operator.adjoint(problem.y - problem.operator(state.x))
        return invprob.Progress(At(step=state.step + 1, x=x), invprob.Info(x))

    def result(self, problem, state):
        return invprob.Result(state.x, state.x, 0 * state.x)


truth, A = invprob.datasets.faces(1), Shrink(noise=GaussianNoise(0.02))
y = A.measure(truth, [invprob.seeds.stream("noise")])
solution = invprob.solve(invprob.Problem.create(y, A), Landweber(), truth=truth)
