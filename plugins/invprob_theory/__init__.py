"""Random networks of which theory knows the landscape, and the descent that it covers."""
