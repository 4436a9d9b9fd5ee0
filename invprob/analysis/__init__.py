"""What samples say: metrics, credible intervals, convergence diagnostics."""

from invprob.global_state import (
    matplotlib_state as matplotlib_state,  # before what imports matplotlib
)
