"""A faulty converter of anybody does not keep the others from reading weights."""

import pytest
import torch

from invprob.config.registry import Entry, Registry
from invprob.errors import BadWeights, BrokenPlugin
from invprob.params import Spec
from invprob.plugin import Component
from invprob.weights import formats
from tests.testing.sound import Reading


class Raising(Reading):
    def recognise(self, tree):
        return tree["state"] is None


class Other:
    def __init__(self, params):
        pass


def component(name, target):
    return Component("converter", name, target, "tests.testing.sound:Nothing", f"Reads {name}.")


FAULTY = {
    "raising": (f"{__name__}:Raising", "KeyError: 'state'"),
    "other": (f"{__name__}:Other", "makes a Other, not a Converter"),
    "missing": ("no_such_module_at_all:Converter", "No module named 'no_such_module_at_all'"),
}


@pytest.fixture
def converters(monkeypatch):
    """Install the faulty ones, and a sound one."""
    targets = {
        "sound": f"{__name__}:Reading",
        **{name: target for name, (target, _) in FAULTY.items()},
    }
    entries = tuple(Entry("toys", component(name, target)) for name, target in targets.items())
    monkeypatch.setattr(formats, "registry", lambda: Registry(entries))


@pytest.fixture
def file(tmp_path):
    def write(tree):
        torch.save(tree, tmp_path / "w.pt")
        return tmp_path / "w.pt"

    return write


def test_the_sound_one_reads_and_the_others_are_told_of(converters, file):
    with pytest.warns(UserWarning, match="it is passed over") as told:
        name, made = formats.convert(file({"toy": torch.ones(3)}))
    assert name == "sound"
    assert made.tensors["toy"].equal(torch.ones(3))
    for _, reason in FAULTY.values():
        assert any(reason in str(notice.message) for notice in told)


def test_those_that_fail_are_named_where_none_reads(converters, file):
    with (
        pytest.warns(UserWarning, match="passed over"),
        pytest.raises(BadWeights, match="of no format") as caught,
    ):
        formats.convert(file({"theirs": torch.ones(3)}))
    assert "known are: Reads sound; not asked" in caught.value.hint
    assert "toys.missing, toys.other, toys.raising" in caught.value.hint


@pytest.mark.parametrize("name", FAULTY)
def test_one_that_is_asked_for_is_blamed_in_a_sentence(converters, file, name):
    with pytest.raises(BrokenPlugin) as caught:
        formats.convert(file({"toy": torch.ones(3)}), Spec(name=name))
    assert FAULTY[name][1] in caught.value.message
