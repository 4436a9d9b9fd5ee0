"""SGILO, and its loop as released."""
