"""A server on this machine that speaks as much of the hub's protocol as fetching needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """One model, ``some/model``, and what goes wrong with its files."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], licence: str | None = "mit") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.licence = files, licence
        self.commit = COMMIT
        self.sent: dict[str, bytes] = {}
        """What comes in place of a file."""
        self.cut: dict[str, int] = {}
        """How often a transfer of a file ends in its middle."""
        self.missing: set[str] = set()
        """Files that are listed and not there."""
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def listing(self) -> dict[str, object]:
        siblings = []
        for name, content in self.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            one: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": blob}
            if name.endswith((".safetensors", ".bin", ".pth")):
                digest = hashlib.sha256(content).hexdigest()
                one["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 100}
            siblings.append(one)
        card = {"license": self.licence} if self.licence else {}
        about = {"id": "some/model", "modelId": "some/model", "sha": self.commit}
        return {**about, "siblings": siblings, "cardData": card, "tags": [], "private": False}


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        hub, place = self.server, self.path.split("?")[0]
        hub.asked.append(f"{self.command} {place}")
        if place.startswith("/api/models/some/model/revision/"):
            known = place.rsplit("/", 1)[1] in ("main", hub.commit)
            content = json.dumps(hub.listing()).encode()
            self.give(content if known else None, body, "RevisionNotFound")
        elif place.startswith("/api/models/"):
            self.give(None, body, "RepoNotFound")
        else:
            name = place.removeprefix(f"/some/model/resolve/{hub.commit}/").removeprefix("/plain/")
            there = name in hub.files and name not in hub.missing
            content = hub.sent.get(name, hub.files[name]) if there else None
            self.give(content, body, "EntryNotFound", name)

    def give(self, content: bytes | None, body: bool, fault: str, name: str = "") -> None:
        if content is None:
            self.send_response(404)
            self.send_header("X-Error-Code", fault)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = 0
        if given := self.headers.get("Range"):
            start = int(given.removeprefix("bytes=").split("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        part = content[start:]
        self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", self.server.commit)
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if not body:
            return
        if self.server.cut.get(name, 0) > 0:
            self.server.cut[name] -= 1
            self.wfile.write(part[: len(part) // 2])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(part)


@contextmanager
def serving(files: dict[str, bytes], licence: str | None = "mit") -> Iterator[Hub]:
    """Serve while the block lasts."""
    hub = Hub(files, licence)
    thread = Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
