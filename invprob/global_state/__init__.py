"""The state that libraries keep for a whole process, as invprob sets it while it works."""
