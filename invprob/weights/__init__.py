"""Weights files: the local registry, formats of others, the safe unpickler."""
