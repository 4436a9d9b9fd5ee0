"""Where the cells of a benchmark are computed: processes, workers, and how they talk."""
