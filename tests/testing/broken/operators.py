"""Operators that are not functions, not linear, or not in their shapes."""

import math
import random
import warnings

import numpy as np
import torch

from invprob.errors import BadInput
from invprob.operator import LinearOperator
from tests.testing.broken import breaks
from tests.testing.sound import Operator


@breaks("shapes-match", "in_shape is (288,)", "operator")
class Flat(Operator):
    def __init__(self, params, in_shape, seed):
        super().__init__(params, in_shape, seed)
        self.in_shape = (math.prod(in_shape),)


@breaks("shapes-match", "(B, *out_shape) (3, 9)", "operator")
class Short(Operator):
    def __init__(self, params, in_shape, seed):
        super().__init__(params, in_shape, seed)
        self.out_shape = (9,)


@breaks("shapes-match", "it raised RuntimeError", "operator")
class SquareOnly(Operator):
    """Turns every image by 90°, and refuses none."""

    def forward(self, x):
        return super().forward(x + x.transpose(2, 3))


@breaks("measures-row-by-row", "the same generators give another measurement", "operator")
class Redrawn(Operator):
    def measure(self, x, rngs):
        return self(x) + 0.05 * torch.randn(len(x), 8, dtype=x.dtype)


@breaks("measures-row-by-row", "row 1 differs", "operator")
class OneStream(Operator):
    def measure(self, x, rngs):
        clean = self(x)
        return clean + 0.05 * torch.randn(clean.shape, generator=rngs[0], dtype=x.dtype)


@breaks("measures-row-by-row", "from what the noise draws", "operator")
class Exact(Operator):
    def measure(self, x, rngs):
        return self(x)


@breaks("measures-row-by-row", "from what the noise draws", "operator")
class Louder(Operator):
    """Adds 1.9 times the noise that scores."""

    def measure(self, x, rngs):
        clean = self(x)
        return clean + 1.9 * (super().measure(x, rngs) - clean)


@breaks("likelihood-matches-noise", "otherwise than that of the noise", "operator")
class Upside(Operator):
    def log_likelihood(self, y, x):
        return -super().log_likelihood(y, x)


@breaks("likelihood-matches-noise", "otherwise than that of the noise", "operator")
class Unscaled(Operator):
    """Leaves out 1/σ²."""

    def log_likelihood(self, y, x):
        return -0.5 * (y - self(x)).square().flatten(1).sum(1)


@breaks("likelihood-matches-noise", "chi2 differs", "operator")
class OwnMisfit(Operator):
    def chi2(self, y, x):
        return (y - self(x)).square().mean(1) + 1


@breaks("observed-is-image", "observed(y) is (3, 8)", "operator")
class Unseen(Operator):
    def observed(self, y):
        return y


@breaks("map-is-linear", "A(0) is not 0", "operator")
class Shifted(Operator):
    def forward(self, x):
        return super().forward(x) + 1


@breaks("map-is-linear", "differs by", "operator")
class Clamped(Operator):
    def forward(self, x):
        return super().forward(x.clamp(0, 1))


@breaks("adjoint-matches", "the two differ by", "operator")
class Scaled(Operator):
    def adjoint(self, y):
        return 2 * super().adjoint(y)


@breaks("pinv-is-least-squares", "A A⁺ A x differs", "operator")
class Transposed(Operator):
    def pinv(self, y):
        return self.adjoint(y)


@breaks("pinv-is-least-squares", "times as long as x", "operator")
class Long(Operator):
    def pinv(self, y):
        x = torch.ones(len(y), *self.in_shape, dtype=y.dtype)
        null = x - LinearOperator.pinv(self, self(x))
        return super().pinv(y) + 100 * null


@breaks("prox-is-stationary", "the gradient at prox(z, y, γ)", "operator")
class Unweighted(Operator):
    def prox(self, z, y, gamma):
        return super().prox(z, y, torch.ones_like(gamma))


@breaks("rows-independent", "row 0 of A differs", "operator")
class Centred(Operator):
    def forward(self, x):
        return super().forward(x - x.mean(0, keepdim=True))


@breaks("rows-independent", "gives (1, 8)", "operator")
class Summed(Operator):
    def forward(self, x):
        return super().forward(x).sum(0, keepdim=True)


@breaks("precision-kept", "A of float64 gives torch.float32", "operator")
class Single(Operator):
    def forward(self, x):
        return super().forward(x.float())


@breaks("device-kept", "A on another device", "operator")
class Unregistered(Operator):
    """Keeps a tensor that `.to(device)` does not move."""

    def __init__(self, params, in_shape, seed):
        super().__init__(params, in_shape, seed)
        self.weights = torch.ones(8)

    def forward(self, x):
        return super().forward(x) * self.weights.to(x.dtype)


@breaks("device-kept", "adjoint gives a result on cpu", "operator")
class Home(Operator):
    """Makes its result where it likes."""

    def adjoint(self, y):
        return torch.zeros(len(y), *self.in_shape, dtype=y.dtype)


@breaks("gradient-matches-differences", "the gradient of A differs by", "operator")
class HalfDetached(Operator):
    def forward(self, x):
        return super().forward(0.5 * x + 0.5 * x.detach())


@breaks("gradient-matches-differences", "does not depend on the input", "operator")
class Detached(Operator):
    def forward(self, x):
        return super().forward(x.detach())


@breaks("results-finite", "A gives 3 values of 24 that are not finite", "operator")
class Infinite(Operator):
    def forward(self, x):
        y = super().forward(x)
        return torch.cat([y[:, :7], y[:, 7:] / 0], 1)


@breaks("prints-nothing", "it prints 'measuring", "operator")
class Chatty(Operator):
    def forward(self, x):
        print("measuring")
        return super().forward(x)


@breaks("prints-nothing", "it warns: old", "operator")
class Warning_(Operator):
    def forward(self, x):
        warnings.warn("old", stacklevel=2)
        return super().forward(x)


@breaks("global-state-unchanged", "the state of torch's global generator", "operator")
class GlobalDraws(Operator):
    def __init__(self, params, in_shape, seed):
        super().__init__(params, in_shape, seed)
        torch.manual_seed(seed)
        self.matrix += torch.randn(self.matrix.shape)


@breaks("global-state-unchanged", "the state of NumPy's global generator", "operator")
class NumpyDraws(Operator):
    def __init__(self, params, in_shape, seed):
        super().__init__(params, in_shape, seed)
        np.random.seed(seed)


@breaks("global-state-unchanged", "the state of Python's global generator", "operator")
class PythonDraws(Operator):
    def forward(self, x):
        random.seed(0)
        return super().forward(x)


@breaks("global-state-unchanged", "the default dtype", "operator")
class DoubleForAll(Operator):
    def forward(self, x):
        torch.set_default_dtype(torch.float64)
        return super().forward(x)


@breaks("global-state-unchanged", "the number of threads", "operator")
class Threaded(Operator):
    def __init__(self, params, in_shape, seed):
        super().__init__(params, in_shape, seed)
        torch.set_num_threads(torch.get_num_threads() + 1)


@breaks("same-seed-same-results", "result 0 of", "operator")
class Unseeded(Operator):
    def __init__(self, params, in_shape, seed):
        super().__init__(params, in_shape, seed)
        rng = torch.Generator()
        rng.seed()
        self.matrix += torch.randn(self.matrix.shape, generator=rng)


@breaks("builds-from-example", "it raised BadInput: too large", "operator")
class Refusing(Operator):
    def __init__(self, params, in_shape, seed):
        raise BadInput("too large")
