"""How many images a step of tv and wavelet holds at a time: a photograph leaves room for few."""

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

from invprob import seeds
from invprob.solver import Problem
from invprob_basics.identity import Identity
from invprob_basics.noise import GaussianNoise
from invprob_classical.tv import TotalVariation
from invprob_classical.wavelet import Wavelet

SHAPE = (3, 256, 384)
BYTES = 4 * 3 * 256 * 384


class Held(TorchDispatchMode):
    """The most bytes of tensors that operations made and that were held together."""

    def __init__(self):
        super().__init__()
        self.sizes, self.most = {}, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for made in _pytree.tree_leaves(out):
            if isinstance(made, torch.Tensor):
                storage = made.untyped_storage()
                self.sizes[StorageWeakRef(storage)] = storage.nbytes()
        self.sizes = {ref: size for ref, size in self.sizes.items() if not ref.expired()}
        self.most = max(self.most, sum(self.sizes.values()))
        return out


@pytest.mark.parametrize(
    ("solver", "most"),
    [(TotalVariation(steps=2), 11.5), (Wavelet(steps=2, levels=4, memory=9), 18.5)],
    ids=["tv", "wavelet"],
)
def test_a_run_holds_few_images(solver, most):
    A = Identity(SHAPE, noise=GaussianNoise(0.1))
    problem = Problem.create(torch.rand(1, *SHAPE, generator=seeds.stream("y")), A)
    with Held() as held:
        for _, info in solver.run(problem):
            del info
    assert held.most < most * BYTES
