"""What samples say: metrics, credible intervals, convergence diagnostics."""
