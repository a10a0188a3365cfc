"""Serves the site that `make docs` built, and opens it, for `make docs-serve`."""

from __future__ import annotations

import functools
import http.server
import subprocess
import sys
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Prints no line for each file."""

    def log_message(self, *arguments: Any) -> None:
        """The base class calls it."""


class Server(http.server.ThreadingHTTPServer):
    """A page that is left while it loads is no error."""

    def handle_error(self, *arguments: Any) -> None:
        """The base class calls it."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*arguments)


def main(folder: Path, port: int) -> int:
    """Serve until Ctrl-C; returns the exit code."""
    try:
        server = Server((HOST, port), functools.partial(Quiet, directory=str(folder)))
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        print(f"error: port {port} of {HOST} cannot be used: {reason}", file=sys.stderr)
        print("to take another: make docs-serve DOCS_PORT=8001", file=sys.stderr)
        return 1
    address = f"http://{HOST}:{server.server_port}/"
    print(f"{address}  (Ctrl-C ends it)", flush=True)
    # By itself: a browser of the terminal would wait there, and others write into it.
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    subprocess.Popen([sys.executable, "-m", "webbrowser", address], **silent)  # type: ignore[call-overload]
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
