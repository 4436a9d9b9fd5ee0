"""The page on which one paints a mask: whom it answers, and what it writes."""

from __future__ import annotations

import http.client
import io
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from invprob.cli import call, mask
from invprob.errors import BadInput
from invprob.io import images
from invprob.mask_page import server as module
from invprob.mask_page.server import MaskServer


class Answer(NamedTuple):
    status: int
    text: bytes
    headers: dict[str, str]


class Site:
    """A server in a thread of this process."""

    def __init__(self, server: MaskServer, thread: threading.Thread) -> None:
        self.server, self.thread = server, thread
        self.home = f"127.0.0.1:{server.server_port}"

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        verb: str | None = None,
        **headers: str | None,
    ) -> Answer:
        """Ask as the page does, but for what is said."""
        said: dict[str, str | None] = {"Host": self.home}
        if body is not None:
            said |= {"Origin": f"http://{self.home}", "Content-Type": "image/png"}
            said["Content-Length"] = str(len(body))
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        there = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=10)
        there.putrequest(verb or ("GET" if body is None else "POST"), path, skip_host=True)
        for name, value in said.items():
            if value is not None:
                there.putheader(name, value)
        there.endheaders(body)
        found = there.getresponse()
        answer = Answer(found.status, found.read(), dict(found.getheaders()))
        there.close()
        return answer

    @property
    def root(self) -> str:
        return f"/{self.server.token}/"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    picture = torch.linspace(0, 1, 3 * 6 * 9).reshape(3, 6, 9)
    with MaskServer(picture, "a <b> & c.jpg", tmp_path / "mask.png") as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield Site(server, thread)
        server.shutdown()
        thread.join()


def _painted(width: int = 9, height: int = 6) -> np.ndarray:
    alpha = np.zeros((height, width), np.uint8)
    alpha[1:3, 2:5] = 255
    alpha[4, 4], alpha[5, 5] = 128, 127  # soft edges: from a half on
    return alpha


def _png(alpha: np.ndarray) -> bytes:
    rgba = np.zeros((*alpha.shape, 4), np.uint8)
    rgba[..., 0], rgba[..., 3] = 255, alpha
    file = io.BytesIO()
    Image.fromarray(rgba).save(file, "PNG")
    return file.getvalue()


def test_the_page_and_its_parts_are_served_and_nothing_else(site: Site) -> None:
    page = site.ask(site.root)
    assert page.status == 200
    assert b"a &lt;b&gt; &amp; c.jpg" in page.text
    assert b"http://" not in page.text
    assert b"https://" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for part in ("page.css", "page.js", "picture.png"):
        assert site.ask(site.root + part).status == 200
        assert part.encode() in page.text
    shown = Image.open(io.BytesIO(site.ask(site.root + "picture.png").text))
    assert shown.size == (9, 6)


@pytest.mark.parametrize(
    "path",
    [
        "page.py", "server.py", "../server.py", "../../pyproject.toml", "%2e%2e/server.py",
        "..%2fserver.py", "/etc/passwd", "page.js/../server.py", "page.css?x=1", "mask",
        "..\\server.py", "page.js%00", "picture.png/",
    ],
)  # fmt: skip
def test_no_other_path_is_served(site: Site, path: str) -> None:
    assert site.ask(site.root + path).status == 404


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "//", "/x/", "/../", "/{token}", "/{half}/"])
def test_without_the_token_nothing_is_served(site: Site, path: str) -> None:
    token = site.server.token
    found = site.ask(path.format(token=token, half=token[:-1]))
    assert found.status == 403
    assert token.encode() not in found.text


@pytest.mark.parametrize(
    "host", ["example.org", "127.0.0.1", "127.0.0.1:1", "evil.localhost:{port}", "[::1]:{port}", ""]
)
def test_another_host_is_refused(site: Site, host: str) -> None:
    host = host.format(port=site.server.server_port)
    assert site.ask(site.root, Host=host).status == 403
    assert site.ask(site.root + "mask", _png(_painted()), Host=host).status == 403
    assert site.ask(site.root, Host=None).status == 403
    assert not site.server.out.exists()


@pytest.mark.parametrize("origin", ["http://example.org", "null", "http://127.0.0.1", None])
def test_another_origin_cannot_save(site: Site, origin: str | None) -> None:
    assert site.ask(site.root + "mask", _png(_painted()), Origin=origin).status == 403
    if origin is not None:
        assert site.ask(site.root, Origin=origin).status == 403
    assert not site.server.out.exists()


def test_saving_writes_exactly_what_is_painted_and_ends_the_server(site: Site) -> None:
    found = site.ask(site.root + "mask", _png(_painted()))
    assert found.status == 200
    site.thread.join(5)
    assert not site.thread.is_alive()
    assert site.server.saved
    with Image.open(site.server.out) as saved:
        assert saved.mode == "L"
        assert np.array_equal(np.asarray(saved), np.where(_painted() >= 128, 0, 255))
    assert float(images.read_mask(site.server.out).mean()) == pytest.approx(1 - 7 / 54)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (_png(np.zeros((6, 9), np.uint8)), 400, "nothing is painted"),
        (_png(np.full((6, 9), 255, np.uint8)), 400, "the whole picture is painted"),
        (_png(np.linspace(128, 255, 54).reshape(6, 9).astype(np.uint8)), 400, "the whole picture"),
        (_png(_painted(6, 9)), 400, "the mask is 6×9 pixels, the picture 9×6"),
        (b"not a picture", 400, "the mask"),
        (_png(_painted())[:60], 400, "the mask"),
        (b"", 400, "the mask"),
    ],
)
def test_what_is_not_a_mask_is_refused_and_the_page_goes_on(
    site: Site, body: bytes, status: int, says: str
) -> None:
    found = site.ask(site.root + "mask", body)
    assert found.status == status
    assert says in found.text.decode()
    assert not site.server.out.exists()
    assert site.ask(site.root + "mask", _png(_painted())).status == 200


def test_size_kind_and_length_are_limited(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    body = _png(_painted())
    ask = site.ask
    assert ask(site.root + "mask", body, Content_Type="text/plain").status == 415
    assert ask(site.root + "mask", body, Content_Length=None).status == 411
    assert ask(site.root + "mask", body, Content_Length="-1").status == 411
    assert ask(site.root + "mask", body, Content_Length=str(module.LARGEST + 1)).status == 413
    assert ask(site.root + "mask", body, Content_Length="9" * 5000).status == 413
    assert ask(site.root + "mask", verb="DELETE").status == 501
    assert ask(site.root + "page.js", body).status == 404
    assert not site.server.out.exists()


def test_a_silent_visitor_keeps_nobody_waiting(site: Site) -> None:
    silent = http.client.HTTPConnection("127.0.0.1", site.server.server_port)
    silent.connect()
    assert site.ask(site.root).status == 200
    silent.close()


def test_a_full_disk_is_said_to_the_painter(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise BadInput("mask.png cannot be written: no space left on device", "make room there")

    monkeypatch.setattr(module.images, "write_png", fail)
    found = site.ask(site.root + "mask", _png(_painted()))
    assert (found.status, b"no space left" in found.text) == (400, True)


def test_the_command_shows_the_picture_upright_and_writes_the_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    turned = Image.fromarray(np.zeros((6, 9, 3), np.uint8))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save("p.jpg", exif=exif)
    opened: list[MaskServer] = []

    def visit(self: MaskServer, poll_interval: float = 0.5) -> None:
        opened.append(self)
        self.save(_png(_painted(6, 9)))

    monkeypatch.setattr(MaskServer, "serve_forever", visit)
    assert call(["mask", "p.jpg", "--no-browser"]) == 0
    said = capsys.readouterr().out
    assert opened[0].size == (9, 6)
    assert opened[0].url in said
    assert "invprob solve --measurement p.jpg --operator inpaint:mask=mask.png" in said
    with Image.open("mask.png") as saved:
        assert saved.size == (6, 9)
    assert call(["mask", "p.jpg", "--no-browser"]) == 2
    assert "mask.png is there already" in capsys.readouterr().err
    assert call(["mask", "p.jpg", "--out", "m.jpg"]) == 2
    assert call(["mask", "none.png"]) == 2


def test_a_browser_is_opened_where_one_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def opened(url: str) -> bool:
        seen.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", opened)
    monkeypatch.setattr("sys.platform", "linux")
    assert not mask._open("http://x", {"SSH_TTY": "/dev/pts/0"})
    assert mask._open("http://x", {"DISPLAY": ":0"})
    monkeypatch.setattr("sys.platform", "darwin")
    assert mask._open("http://x", {})
    assert seen == ["http://x"] * 2
