"""A place in a notebook to drop files on; in a JupyterHub there is often no other way in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import traitlets

from bnn_lab.widgets.heard import Heard, heard_script


class FileDrop(Heard):
    """Files that are dropped on it, or chosen after a click, arrive here.

    Args:
        title: what to drop.
        most: bytes of the largest file that is read.
        arrived: called with name and content of each file.
        refused: called with the name of a file that did not arrive, and why.

    Attributes:
        note: what is shown after the title.
    """

    _esm = heard_script() + Path(__file__).with_name("file_drop.js").read_text(encoding="utf-8")
    title = traitlets.Unicode().tag(sync=True)
    most = traitlets.Int().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        title: str,
        most: int,
        arrived: Callable[[str, bytes], None],
        refused: Callable[[str, str], None],
    ) -> None:
        self._arrived, self._refused = arrived, refused
        super().__init__(title=title, most=most)
        self.on_msg(self._on_message)

    def _on_message(self, _: Any, message: dict[str, Any], buffers: Any) -> None:
        name = str(message.get("name", "a file"))
        if message.get("kind") == "file" and buffers:
            self._arrived(name, bytes(buffers[0]))
        elif message.get("kind") == "too large":
            self._refused(name, f"{name} has {message['size'] / 1e6:.0f} MB: too large")
        elif message.get("kind") == "unreadable":
            self._refused(name, f"the browser cannot read {name} ({message.get('reason')})")
