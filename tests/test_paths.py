"""What users write for a path, and that one place reads it."""

import os
import re
import socket
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invprob import paths
from invprob.cli import COMMANDS, options, root
from invprob.config.registry import registry
from invprob.errors import BadInput

ROOT = Path(__file__).parents[1]
SURROGATES = {"exclude_categories": ["Cs"]}


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A home folder, and an empty folder to be in."""
    place = tmp_path / "home"
    place.mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.chdir(tmp_path / "here")
    return place


def test_home_is_expanded(home):
    assert paths.expand("~") == home
    assert paths.expand("~/a b.png") == home / "a b.png"
    assert paths.expand(Path("~/a.png")) == home / "a.png"
    assert paths.expand(b"~/a.png") == home / "a.png"


def test_what_begins_with_a_tilde_and_is_no_home(home):
    for name in ("~tmp.png", "~nosuchuser/x", "~$Word.docx"):
        assert paths.expand(name) == Path(name)
    assert paths.expand("~root").is_absolute()
    Path("~root").mkdir()
    assert paths.expand("~root/x") == Path("~root/x")
    with pytest.raises(BadInput, match="there is no file or folder ~nosuchuser/x"):
        paths.existing("~nosuchuser/x")


def test_no_home(home, monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda text: text)
    with pytest.raises(BadInput, match="no home folder"):
        paths.expand("~/x.png")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("a\0b", "zero byte"),
        ("caf\udce9.png", r"caf\udce9.png is not UTF-8"),
        ("https://example.org/a.png", "https://example.org/a.png is an address"),
        ("s3://bucket/key", "is an address"),
    ],
)
def test_what_is_no_path(text, says):
    with pytest.raises(BadInput) as caught:
        paths.expand(text)
    assert says in caught.value.message
    assert caught.value.hint
    caught.value.message.encode("utf-8")


def test_what_is_no_file(home, tmp_path):
    os.mkfifo("pipe.png")
    for name in ("pipe.png", "/dev/null"):
        with pytest.raises(BadInput, match="is a device or a pipe"):
            paths.existing(name)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        with pytest.raises(BadInput, match="is a device or a pipe"):
            paths.existing("socket")
    with pytest.raises(BadInput, match="no file or folder -") as caught:
        paths.existing("-")
    assert "standard input" in caught.value.hint
    with pytest.raises(BadInput, match="too long"):
        paths.existing("x" * 300)


def test_a_folder_to_write_to(home, tmp_path):
    assert paths.made("~/new/folder").is_dir()
    assert paths.made(tmp_path / "new") == tmp_path / "new"
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be written: it is a file"):
        paths.made(tmp_path / "file")


@given(st.text(st.characters(**SURROGATES), max_size=30))
def test_any_text_is_a_path_or_a_sentence(text):
    try:
        found = paths.expand(text)
    except BadInput:
        return
    assert paths.expand(found) == found
    assert text.startswith("~") or found == Path(text)


def test_one_place_expands():
    """No other code looks for a home folder, and no option makes its own path."""
    own = re.compile(r"expanduser|click\.Path\b")
    files = [*ROOT.glob("invprob/**/*.py"), *ROOT.glob("plugins/**/*.py")]
    found = {p.relative_to(ROOT).as_posix() for p in files if own.search(p.read_text("utf-8"))}
    assert found == {"invprob/paths.py", "invprob/cli/path_type.py"}


def test_every_path_of_the_command_line_is_read_alike():
    words = {"out", "file", "run", "suite", "source", "images", "measurement"}
    seen = set()
    for name in COMMANDS:
        command = root.get_command(click.Context(root), name)
        inner = command.commands.values() if isinstance(command, click.Group) else [command]
        for param in (p for one in inner for p in one.params if p.name in words):
            seen.add(param.name)
            assert param.type is options.PATH, f"{name}: {param.name}"
    assert seen == words


def test_every_path_among_parameters_is_read_alike():
    """A parameter that is any text is a path, unless it is listed here or has a pattern."""
    others = {"sha256", "crop_at"}
    for entry in registry().entries:
        for name, field in entry.params().model_fields.items():
            plain = field.annotation in {str, str | None}
            held = any(mark is paths.PATH_TEXT or "pattern" in str(mark) for mark in field.metadata)
            assert not plain or held or name in others, f"{entry.component.name}: {name}"
