"""Training: the loop that trainers share, and averaged weights."""
