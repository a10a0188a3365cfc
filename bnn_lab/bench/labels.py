"""What a device is called in reports.

The name of a CPU is not enough: in a class two laptops have the same one, and all virtual machines
of a cloud. So the name of the host stands before it, unless the user gives a name.
"""

from __future__ import annotations

import socket
from collections.abc import Container, Sequence

from bnn_lab.errors import InputError
from bnn_lab.measure.host import Host

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


def identity(label: str, host: Host) -> tuple[str, ...]:
    """What all measurements of one device have in common: its label, and what tells its machine.

    Args:
        label: what the device is called.
        host: the machine.
    """
    return label, host.cpu, str(host.cpus), host.machine, host.system


def distinct_labels(devices: Sequence[tuple[str, str]]) -> list[str]:
    """A label for each of several devices, all different.

    Args:
        devices: (label, CPU) of each. Those that share a label get their CPU after it, and a
            number where they share that too.
    """
    labels = [label for label, _cpu in devices]
    found: list[str] = []
    for label, cpu in devices:
        wanted = label if labels.count(label) == 1 or cpu in label else f"{label}, {cpu}"
        found.append(free_name(wanted, found, "{} ({})"))
    return found


def free_name(wanted: str, taken: Container[str], numbered: str) -> str:
    """A name that is not taken yet: the wanted one, or that with the first number from 2 on.

    Args:
        wanted: the name.
        taken: names that are in use.
        numbered: how a name and its number are written, such as "{}-{}".
    """
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = numbered.format(wanted, number)
    return name
