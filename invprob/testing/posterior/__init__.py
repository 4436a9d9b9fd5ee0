"""The validity gate: solvers that say they sample, on problems whose posterior is known.

`invprob check NAME --posterior`. Every world has a mixture of normal laws as prior, a linear map
to the image and Gaussian noise, so the posterior is a mixture again, with weights, means and
covariance in closed form. A solver reconstructs many simulated measurements with independent
chains; truths and last samples are then judged.
"""

from invprob.testing.posterior.gate import Hearing, hearings
from invprob.testing.posterior.judge import Verdict, judge, last_samples
from invprob.testing.posterior.worlds import WORLDS, World

__all__ = ["WORLDS", "Hearing", "Verdict", "World", "hearings", "judge", "last_samples"]
