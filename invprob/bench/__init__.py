"""Comparison tables: every method on the same stored measurements, cell by cell, resumable."""
