"""The command line, for runs that only it begins."""

from tests.cli.conftest import invoke as invoke
