"""Pictures of a run: the summary, traces, grids of images."""
