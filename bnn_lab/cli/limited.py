"""The child of `bnn-lab inspect --isolated`: ``python -m bnn_lab.cli.limited OPTIONS``.

Takes a file on standard input and prints two lines of JSON: what the file holds, then what came of
running it once on zeros. It is limited before the file is read: memory, processor time, no byte
into any file, and where the system allows it a network namespace with nothing in it.
"""

from __future__ import annotations

import ctypes
import json
import resource
import sys
from collections.abc import Callable
from typing import Any

from bnn_lab.errors import BnnLabError

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # of linux/sched.h


def main(arguments: list[str]) -> None:
    """Look at the file on standard input.

    Args:
        arguments: one, JSON: ir, passes, megabytes, seconds.
    """
    options = json.loads(arguments[0])
    network = not without_network()
    limit(options["megabytes"] << 20, options["seconds"])
    content = sys.stdin.buffer.read()

    def describe() -> dict[str, Any]:
        from bnn_lab.cli.inspect import describe_file

        found = describe_file(content, ir=options["ir"], passes=options["passes"])
        return {**found, "network": network}

    if _told(describe, "error"):
        _told(lambda: _run(content), "trial")


def _told(action: Callable[[], dict[str, Any]], problem: str) -> bool:
    """Print what an action gives, or under `problem` what stopped it; whether it did not fail."""
    try:
        answer, done = action(), True
    except BnnLabError as error:
        answer, done = {problem: str(error)}, False
    except MemoryError:
        answer, done = {problem: "it needs more memory than it may have"}, False
    print(json.dumps(answer), flush=True)
    return done


def _run(content: bytes) -> dict[str, Any]:
    import numpy as np

    from bnn_lab.runtime.interpreter import Interpreter

    interpreter = Interpreter(content)
    ends = zip(interpreter.input_shapes, interpreter.input_types, strict=True)
    interpreter.predict([np.zeros(shape, kind) for shape, kind in ends])
    return {"trial": "ran"}


def limit(memory: int, seconds: int) -> None:
    """Limit this process: bytes of memory, seconds of processor time, nothing into files."""
    for name, value in (
        ("RLIMIT_DATA", memory),
        ("RLIMIT_CPU", seconds),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
    ):
        _, most = resource.getrlimit(getattr(resource, name))
        chosen = value if most == resource.RLIM_INFINITY else min(value, most)
        # The kernel kills at the hard limit of CPU time; a second before it says why.
        hard = chosen + 1 if name == "RLIMIT_CPU" and most == resource.RLIM_INFINITY else chosen
        resource.setrlimit(getattr(resource, name), (chosen, hard))


def without_network() -> bool:
    """Leave the network; needs a process of one thread, and a system that lets users do it."""
    try:
        unshare = ctypes.CDLL(None).unshare
    except (OSError, AttributeError):
        return False
    return any(unshare(flags) == 0 for flags in (_NEW_USER | _NEW_NETWORK, _NEW_NETWORK))


if __name__ == "__main__":
    main(sys.argv[1:])
