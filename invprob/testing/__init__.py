"""The conformance kit: what every component owes, as small named checks.

In pytest, `conformance` makes a test of each; ``invprob check NAME`` reports without pytest.
"""

from __future__ import annotations

from invprob.testing.conformance import conformance
from invprob.testing.trials import Outcome, Trial, trials

__all__ = ["Outcome", "Trial", "conformance", "trials"]
