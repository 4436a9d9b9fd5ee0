"""Pictures of a run: the summary, traces, grids of images."""

from invprob.global_state import (
    matplotlib_state as matplotlib_state,  # before what imports matplotlib
)
