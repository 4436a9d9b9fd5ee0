"""A component may keep complex numbers: no check turns them into real ones."""

import pytest
import torch

from invprob import seeds
from invprob.config.registry import Entry, registry
from invprob.noise import WhiteNoise
from invprob.operator import LinearOperator
from invprob.plugin import Component
from invprob.testing import callables, toys
from invprob.testing.check import Inapplicable
from invprob.testing.checks import CHECKS
from invprob.testing.target import Case


class Spectral(LinearOperator):
    """Each row times a transfer function of its own, complex64 whatever the images are."""

    def __init__(self, params, in_shape, seed):
        super().__init__()
        self.in_shape = self.out_shape = tuple(in_shape)
        shape = (in_shape[-1] // 2 + 1,)
        transfer = torch.randn(shape, generator=seeds.stream("spectral"), dtype=torch.complex64)
        transfer[[0, -1]] = transfer[[0, -1]].real.to(torch.complex64)
        self.register_buffer("transfer", transfer)
        self.noise = WhiteNoise(toys.SIGMA)

    def forward(self, x):
        return torch.fft.irfft(torch.fft.rfft(x) * self.transfer.to(x.device), x.shape[-1])


def case():
    component = Component(
        kind="operator",
        name="spectral",
        target=f"{__name__}:Spectral",
        params="tests.testing.sound:Nothing",
        summary="Each row times a transfer function.",
        offers=("linear",),
    )
    return Case(Entry("stranger", component), registry(), {})


def test_the_precision_of_complex_buffers_is_theirs():
    for dtype in (torch.float32, torch.float64):
        f = callables.callables(case(), dtype)[0]
        x = f.x.double()
        exact = torch.fft.irfft(torch.fft.rfft(x) * case().make().transfer, x.shape[-1])
        assert torch.allclose(f.f(f.x).double(), exact, atol=1e-5)


@pytest.mark.parametrize(
    "check", [c for c in CHECKS if "operator" in c.kinds], ids=lambda c: c.name
)
def test_the_checks_pass(check):
    try:
        check.run(case())
    except Inapplicable as reason:
        pytest.skip(str(reason))
