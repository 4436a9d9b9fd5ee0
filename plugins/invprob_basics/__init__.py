"""Operators, noise models and elementary priors."""
