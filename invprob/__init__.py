"""Inverse problems with deep generative priors: generators, priors, operators and solvers."""

__version__ = "0.1.0"
