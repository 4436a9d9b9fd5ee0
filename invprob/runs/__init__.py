"""One run: built from an experiment, driven step by step, kept in a folder."""
