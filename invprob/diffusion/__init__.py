"""Diffusion models: noise schedules, samplers and likelihoods."""
