"""The reference tasks of latents, on which the chains declare a bias of 0.

`invprob check hmc --posterior` judges `mala` and `hmc` on those of images, since they can do
without a generator.
"""

import pytest

from invprob.errors import Incompatible
from invprob.validation.calibration import check_calibration, last_samples
from invprob.validation.reference_tasks import TASKS
from invprob_mcmc.hmc import HMC
from invprob_mcmc.mala import MALA
from invprob_mcmc.pcn import PCN

LATENTS = {task.name: task for task in TASKS if task.latent}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "task"), [(MALA, "normal"), (HMC, "normal"), (PCN, "normal"), (HMC, "modes")]
)
def test_they_sample_the_posterior_of_latents(make, task):
    solver = make()
    assert solver.bias == 0
    report = check_calibration(last_samples(solver), LATENTS[task], problems=40)
    assert report.failures == ()


def test_pcn_refuses_a_mixture():
    with pytest.raises(Incompatible, match="N\\(0, 1\\)"):
        check_calibration(last_samples(PCN(steps=4)), LATENTS["modes"], problems=2, chains=2)
