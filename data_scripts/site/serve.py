"""Serves the built book at localhost, with the two headers that let a page use threads."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .. import ROOT
from ..commands import parser_for

HTML = ROOT / "_build" / "html"


class Handler(SimpleHTTPRequestHandler):
    """A static site, as a host with cross-origin isolation serves it."""

    # Some systems' tables do not know these, and a browser refuses a module or a wasm file of another type.
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory) / "404.html"
        if code != 404 or not page.exists():
            return super().send_error(code, message, explain)
        content = page.read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a page is dozens of requests."""


def serve(port: int, folder: Path = HTML) -> ThreadingHTTPServer:
    """A server for `folder`, not started yet; port 0 takes any free one.

    Errors: `OSError` when the port is taken.
    """
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=str(folder)))


def main(argv: list[str] | None = None) -> int:
    """The command line; runs until it is interrupted."""
    parser = parser_for("serve", __doc__)
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args(argv)
    if not (HTML / "index.html").exists():
        print("nothing is built yet: make book")
        return 1
    try:
        server = serve(arguments.port)
    except OSError as error:
        print(f"cannot serve on port {arguments.port}: {error.strerror}; choose another: make serve PORT=8001")
        return 1
    print(f"http://localhost:{server.server_port}/  (Ctrl-C ends it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
