"""The server of the page: one picture, one visitor, one mask; then it ends.

It listens on 127.0.0.1 alone. Whoever asks must know the random token of its address, name this
machine as the host, and, to save, come from the page itself: so no other page that is open in the
browser, and no other name that leads to this machine, reaches it. It answers a few fixed addresses
and opens no file that an address names.
"""

from __future__ import annotations

import html
import io
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from invprob.errors import BadInput
from invprob.io import decode, images

HOME = "127.0.0.1"
LARGEST = 32 * 2**20
"""The largest mask that is taken, in bytes of its PNG."""
PATIENCE = 30.0
"""Seconds until a connection that says nothing is closed."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'self';"
    " script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Resource(NamedTuple):
    """What an address gives."""

    kind: str
    data: bytes


class MaskServer(ThreadingHTTPServer):
    """Serves the page of a picture until a mask is saved.

    Args:
        picture: The picture, (1 or 3, H, W) in [0, 1], upright.
        name: What the page calls it.
        out: The file of the mask.
        port: Where it listens; 0: a free one.
    """

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, picture: Tensor, name: str, out: Path, port: int = 0) -> None:
        super().__init__((HOME, port), _Handler)
        self.size = (picture.shape[1], picture.shape[2])
        self.out = out
        self.saved = False
        self.token = secrets.token_urlsafe(24)
        self.lock = threading.Lock()
        here = Path(__file__).parent
        page = (here / "page.html").read_text(encoding="utf-8")
        page = page.replace("{picture}", html.escape(name)).replace("{mask}", html.escape(str(out)))
        self.resources = {
            "": Resource("text/html; charset=utf-8", page.encode()),
            "page.css": Resource("text/css; charset=utf-8", (here / "page.css").read_bytes()),
            "page.js": Resource("text/javascript; charset=utf-8", (here / "page.js").read_bytes()),
            "picture.png": Resource("image/png", _png(picture)),
        }

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{HOME}:{self.server_port}/{self.token}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names by which the page may ask for this server."""
        return tuple(f"{name}:{self.server_port}" for name in (HOME, "localhost"))

    def save(self, data: bytes) -> None:
        """Write the mask: what is painted becomes black, all else white.

        Args:
            data: A PNG of the size of the picture, opaque where it is painted.

        Raises:
            BadInput: If it is something else, nothing is painted, or the file cannot be written.
        """
        with self.lock:
            colour, alpha = decode.layers(io.BytesIO(data), "the mask")
            if tuple(colour.shape[1:]) != self.size:
                height, width = self.size
                raise BadInput(
                    f"the mask is {colour.shape[2]}×{colour.shape[1]} pixels, the picture"
                    f" {width}×{height}"
                )
            painted = torch.ones(self.size, dtype=torch.bool) if alpha is None else alpha >= 0.5
            if bool(painted.all()):
                raise BadInput("the whole picture is painted", "leave something to restore it from")
            if not bool(painted.any()):
                raise BadInput("nothing is painted", "paint what is to be restored")
            images.write_png(self.out, (~painted).float())
            self.saved = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that breaks off harms nobody."""


class _Handler(BaseHTTPRequestHandler):
    server: MaskServer
    timeout = PATIENCE
    server_version, sys_version = "invprob", ""

    def do_GET(self) -> None:
        name = self._allowed()
        if name is None:
            return
        found = self.server.resources.get(name)
        if found is None:
            self._answer(HTTPStatus.NOT_FOUND, "there is nothing at this address")
        else:
            self._send(HTTPStatus.OK, found)

    def do_POST(self) -> None:
        self.close_connection = True
        name = self._allowed()
        if name is None:
            return
        if name != "mask":
            self._answer(HTTPStatus.NOT_FOUND, "there is nothing at this address")
            return
        if self.headers.get("Origin") not in [f"http://{host}" for host in self.server.hosts]:
            self._answer(HTTPStatus.FORBIDDEN, "only the page itself saves")
            return
        if self.headers.get("Content-Type") != "image/png":
            self._answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a mask is a PNG")
            return
        length = self.headers.get("Content-Length") or ""
        if not length.isascii() or not length.isdigit():
            self._answer(HTTPStatus.LENGTH_REQUIRED, "say how long the mask is")
        elif len(length) > 12 or int(length) > LARGEST:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the mask is too large")
        else:
            self._save(self.rfile.read(int(length)))

    def _save(self, data: bytes) -> None:
        try:
            self.server.save(data)
        except BadInput as error:
            hint = f": {error.hint}" if error.hint else ""
            self._answer(HTTPStatus.BAD_REQUEST, error.message + hint)
            return
        self._answer(HTTPStatus.OK, f"saved as {self.server.out}")
        self.server.shutdown()

    def _allowed(self) -> str | None:
        """What is asked for, without the token; None where the answer is no."""
        token, slash, name = self.path.removeprefix("/").partition("/")
        known = secrets.compare_digest(token.encode(), self.server.token.encode())
        if self.headers.get("Host") not in self.server.hosts or not (known and slash):
            self._answer(HTTPStatus.FORBIDDEN, "this page is for one visitor on this machine")
            return None
        origin = self.headers.get("Origin")
        if origin is not None and origin not in [f"http://{host}" for host in self.server.hosts]:
            self._answer(HTTPStatus.FORBIDDEN, "another page asks")
            return None
        return name

    def _answer(self, status: HTTPStatus, text: str) -> None:
        self._send(status, Resource("text/plain; charset=utf-8", text.encode()))

    def _send(self, status: HTTPStatus, resource: Resource) -> None:
        self.send_response(status)
        for key, value in HEADERS.items():
            self.send_header(key, value)
        self.send_header("Content-Type", resource.kind)
        self.send_header("Content-Length", str(len(resource.data)))
        self.end_headers()
        self.wfile.write(resource.data)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Who asks for what is nobody's business."""


def _png(picture: Tensor) -> bytes:
    """The picture as a PNG that is made quickly."""
    file = io.BytesIO()
    images.to_pil(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()
