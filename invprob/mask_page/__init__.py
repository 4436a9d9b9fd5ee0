"""A page on this machine on which one paints the hole of a picture."""
