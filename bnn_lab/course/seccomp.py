"""System calls that student code does without: a filter for bubblewrap.

Each is a way past a limit, or a part of the kernel that no exercise needs: memory that belongs to
no process and no file system, new mounts, keys, programs in the kernel.
"""

from __future__ import annotations

import errno
import platform
import struct

# Numbers from the kernel's tables, for (x86-64, AArch64).
_CALLS = {
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
# Machine -> its column above, and the kernel's AUDIT_ARCH.
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in the kernel's `seccomp_data`
_X32 = 0x40000000
_ALLOW, _DENY, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000


def call_filter(machine: str = platform.machine()) -> bytes:
    """The filter as a BPF program, as ``bwrap --seccomp`` reads it; empty on other machines.

    Calls of another architecture, which have other numbers, end the process.
    """
    if machine not in _MACHINES:
        return b""
    column, architecture = _MACHINES[machine]
    numbers = [call[column] for call in _CALLS.values()]
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, len(numbers) + 1, 0, _X32),
    ]
    program += [(_EQUAL, len(numbers) - n, 0, call) for n, call in enumerate(numbers)]
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _DENY)]
    return b"".join(struct.pack("=HBBI", *line) for line in program)
