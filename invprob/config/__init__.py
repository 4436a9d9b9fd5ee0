"""Plugins found, experiments read and completed; imports neither torch nor numpy."""
