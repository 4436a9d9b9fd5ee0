"""`python -m invprob`."""

from invprob.cli import main

main()
