"""What a device is called in reports.

The name of a CPU is not enough: in a class two laptops have the same one, and all virtual machines
of a cloud. So the name of the host stands before it, unless the user gives a name.
"""

from __future__ import annotations

import socket

from bnn_lab.errors import InputError

LONGEST = 80


def default_label(cpu: str) -> str:
    """Name of the host and of its CPU, such as "alices-laptop, Intel(R) Core(TM) i7-1165G7".

    Args:
        cpu: as `bnn_lab.measure.host` names it.
    """
    host = "".join(c for c in socket.gethostname().partition(".")[0] if c.isprintable()).strip()
    return (f"{host}, {cpu}" if host else cpu)[:LONGEST].rstrip()


def check_label(label: str) -> str:
    """A label without spaces at its ends.

    Raises:
        InputError: it is empty, too long, or has a line break or another control character.
    """
    found = label.strip()
    if not found or len(found) > LONGEST or not found.isprintable():
        raise InputError(
            f"{label!r} cannot name a device. Fix: one line of 1 to {LONGEST} characters, such as "
            '"Alice\'s laptop"'
        )
    return found
