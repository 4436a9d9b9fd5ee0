"""What users type has one spelling, the American one of the field's libraries."""

import re

import click

from invprob.cli import COMMANDS, root
from invprob.config.registry import registry

BRITISH = re.compile(r"colour|centre|licence|favour|behaviour|neighbour|(?<!no)ise[rd]?$|isation")
ALIASES = {"--licence"}
"""A second name of an option, for those who write it so."""


def test_names_of_components_and_parameters():
    for entry in registry().entries:
        for name in (entry.component.name, *entry.params().model_fields):
            assert not BRITISH.search(name), name


def test_names_of_commands_and_options():
    for name in COMMANDS:
        command = root.get_command(click.Context(root), name)
        inner = command.commands.values() if isinstance(command, click.Group) else [command]
        options = [word for one in inner for param in one.params for word in param.opts]
        for word in {name, *options} - ALIASES:
            assert not BRITISH.search(word), word
