"""The conformance kit: what every component owes, as small named checks.

In pytest, `conformance` makes a test of each; ``invprob check NAME`` reports without pytest.
"""

from __future__ import annotations

from invprob.testing.collect import Trial, TrialResult, trials
from invprob.testing.conformance import conformance

__all__ = ["Trial", "TrialResult", "conformance", "trials"]
