"""Weights by name: added once, found by every `weights=`, refused when they have changed."""

import json
import shutil
from pathlib import Path

import pytest

from invprob import cli
from invprob.errors import BadInput, BadWeights
from invprob.weights import store

FACES = Path(__file__).parents[2] / "plugins" / "invprob_sgilo" / "weights" / "faces64.safetensors"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INVPROB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_every_card_says_where_and_under_which_licence():
    for name, card in store.cards().items():
        assert store.NAME.fullmatch(name)
        assert card.page.startswith("https://")
        assert card.licence
        assert f"weights={name}" in card.use


def test_what_is_added_is_found_by_its_name(tmp_path, capsys):
    assert cli.call(["weights", "add", "mine", str(FACES), "--license", "BSD"]) == 0
    assert "no SHA-256 is published" in capsys.readouterr().out
    found = store.locate("mine", tmp_path)
    assert found.read_bytes() == FACES.read_bytes()
    assert store.kept()["mine"].licence == "BSD"
    words = ["sample", "--generator", "stylegan2:weights=mine", "--count", "1", "--out", "drawn"]
    assert cli.call(words) == 0
    assert cli.call(["weights", "list"]) == 0
    said = capsys.readouterr().out
    assert "mine" in said
    assert "ffhq" in said
    assert cli.call(["weights", "list", "--json"]) == 0
    by_name = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert by_name["mine"]["here"]
    assert by_name["mine"]["license"] == "BSD"
    assert by_name["mine"]["sha256"] == store.kept()["mine"].sha256
    assert not by_name["ffhq"]["here"]
    assert by_name["ffhq"]["page"].startswith("https://")
    assert cli.call(["weights", "verify"]) == 0


def test_a_name_of_bundled_weights_is_refused(tmp_path, capsys):
    assert cli.call(["weights", "add", "faces64", str(FACES)]) == 2
    said = capsys.readouterr().err
    assert "weights 'faces64' come with" in said
    assert "invprob_sgilo" in said
    assert store.kept() == {}


def test_the_shelf_may_lie_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("INVPROB_CACHE", "~/shelf")
    assert store.folder() == tmp_path / "shelf" / "named"
    monkeypatch.delenv("INVPROB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "~/cache")
    assert store.folder() == tmp_path / "cache" / "invprob" / "named"


def test_a_file_that_has_changed_is_refused(tmp_path, capsys):
    store.add("mine", FACES)
    file = store.locate("mine", tmp_path)
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(BadWeights, match="have sha256"):
        store.locate("mine", tmp_path)
    assert cli.call(["weights", "verify", "mine"]) == 1
    assert "has changed" in capsys.readouterr().out
    file.unlink()
    assert store.verify("mine").endswith("is gone")


def test_a_file_that_is_not_the_published_one_is_refused(monkeypatch):
    card = store.cards()["ffhq"]
    known = {"ffhq": store.Card(card.what, card.use, card.page, card.file, "free", "0" * 64)}
    monkeypatch.setattr(store, "cards", lambda: known)
    with pytest.raises(BadWeights, match="not 0000"):
        store.add("ffhq", FACES)
    assert store.kept() == {}
    assert not store.folder().exists()


def test_known_weights_that_are_not_here_are_told_where_to_get(tmp_path):
    with pytest.raises(BadWeights) as caught:
        store.locate("ffhq", tmp_path)
    assert "https://" in caught.value.hint
    assert "invprob weights add ffhq FILE" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "file", "said"),
    [
        ("../up", FACES, "is not a name"),
        ("mine", Path("none.pkl"), "there is no file"),
        ("twice", FACES, "on the shelf already"),
    ],
)
def test_what_cannot_be_added(name, file, said):
    store.add("twice", FACES)
    with pytest.raises(BadInput, match=said):
        store.add(name, file)
    assert [*store.kept()] == ["twice"]


def test_a_shelf_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INVPROB_CACHE", str(tmp_path / "file"))
    with pytest.raises(BadInput, match="cannot be written"):
        store.add("mine", FACES)


def test_a_damaged_record_is_told(tmp_path):
    store.add("mine", FACES)
    (store.folder() / "mine" / store.RECORD).write_text("{")
    with pytest.raises(BadInput, match="cannot be read"):
        store.kept()
    shutil.rmtree(store.folder() / "mine")
    assert cli.call(["weights", "verify", "mine"]) == 2


def test_what_is_no_weights_is_not_added(tmp_path, capsys):
    for data in (b"\x89PNG\r\n\x1a\n0000", b"<!DOCTYPE html>", b""):
        (tmp_path / "x.pt").write_bytes(data)
        assert cli.call(["weights", "add", "mine", str(tmp_path / "x.pt")]) == 2
        assert "does not begin as weights do" in capsys.readouterr().err
    assert store.kept() == {}


def test_weights_are_removed(tmp_path, capsys):
    store.add("mine", FACES)
    assert cli.call(["weights", "remove", "mine"]) == 0
    assert store.kept() == {}
    assert cli.call(["weights", "remove", "mine"]) == 2
    assert "no weights 'mine'" in capsys.readouterr().err
