"""Weights of cards with a URL and a SHA-256, from a server on this machine."""

import hashlib
from pathlib import Path

import pytest

from invprob.errors import BadInput, BadWeights
from invprob.weights import consent, fetch, store
from tests.weights.hub_server import serving

CONTENT = b"PK\x03\x04" + bytes(range(256)) * 5000


@pytest.fixture
def server(monkeypatch, tmp_path):
    with serving({"x.pt": CONTENT}) as one:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("INVPROB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv(consent.ALLOW, "1")
        known = store.Card(
            "a network", "", "page", "x.pt", "MIT", hashlib.sha256(CONTENT).hexdigest(),
            f"{one.address}/plain/x.pt",
        )  # fmt: skip
        bare = store.Card("a network", "", "page", "x.pt", "MIT")
        monkeypatch.setattr(store, "cards", lambda: {"known": known, "bare": bare})
        yield one


def test_size_and_licence_are_said_first(server, monkeypatch):
    monkeypatch.delenv(consent.ALLOW)
    with pytest.raises(BadWeights, match=r"licence MIT, 1\.3 MB; nothing is downloaded"):
        fetch.fetch("known")
    assert server.asked == ["HEAD /plain/x.pt"]
    assert store.where("known", ()) == "invprob weights fetch known --download"


@pytest.mark.filterwarnings("ignore:fetching")
def test_it_is_on_the_shelf_then(server, tmp_path):
    assert fetch.fetch("known").read_bytes() == CONTENT
    assert store.path("known").read_bytes() == CONTENT
    assert not list((tmp_path / "cache" / "parts").rglob("*.pt"))
    server.asked.clear()
    assert fetch.fetch("known") == store.path("known")
    assert server.asked == []


@pytest.mark.filterwarnings("ignore:fetching")
def test_a_cut_transfer_is_gone_on_with(server):
    server.cut["x.pt"] = 1
    with pytest.raises(BadWeights, match="the transfer was cut"):
        fetch.fetch("known")
    assert store.path("known") is None
    assert fetch.fetch("known").read_bytes() == CONTENT


@pytest.mark.filterwarnings("ignore:fetching")
@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_bytes(b"x")])
def test_what_is_damaged_or_gone_is_fetched_again(server, spoil):
    spoil(fetch.fetch("known"))
    with pytest.raises(BadWeights, match=r"there is no file of weights|have sha256") as caught:
        store.locate("known", Path())
    assert "fetch" in caught.value.hint
    assert fetch.fetch("known").read_bytes() == CONTENT
    assert store.locate("known", Path()).read_bytes() == CONTENT


@pytest.mark.filterwarnings("ignore:fetching")
def test_a_wrong_hash_is_refused_and_removed(server, tmp_path):
    server.sent["x.pt"] = CONTENT[::-1]
    with pytest.raises(BadWeights, match="gave a file of sha256"):
        fetch.fetch("known")
    assert not list((tmp_path / "cache").rglob("*.pt"))


@pytest.mark.filterwarnings("ignore:fetching")
def test_what_cannot_be_fetched_is_said(server):
    server.missing.add("x.pt")
    with pytest.raises(BadWeights, match=r"could not be fetched: .*404"):
        fetch.fetch("known")
    with pytest.raises(BadWeights, match="publish no address with a SHA-256"):
        fetch.fetch("bare")
    with pytest.raises(BadInput, match="no card is called"):
        fetch.fetch("other")
    with pytest.raises(BadWeights, match="is not an address of https"):
        fetch.download("http://example.org/x", server, "")
