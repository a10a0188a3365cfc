"""In the kernel of the checks: names of the student's notebook, which live in another kernel.

Check cells, hidden tests among them, run in a kernel that no student code runs in. There a function
of the student is a `Remote`: called, it sends its arguments to the student's kernel and gives back
what comes from there. Values come over once, as copies.
"""

from __future__ import annotations

import builtins
import time
from collections.abc import MutableMapping
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

from bnn_lab.course import checks
from bnn_lab.course.answers import FUNCTION, MIME, VALUE
from bnn_lab.course.submission import printable
from bnn_lab.course.wire import Named, pack, unpack
from bnn_lab.errors import InputError
from bnn_lab.lessons.checks.feedback import NotYet

_ANSWERS = "bnn_lab.course.answers"
LOOK = 0.5  # seconds between looks at whether the student's kernel lives
_SILENT = 4.0  # seconds without a heartbeat after which it does not
_GIVE_UP = 10.0  # seconds after which code that was interrupted counts as stuck


# Neither is a mistake in an answer, of which `attempt` would make a hint.
class KernelDied(BaseException):
    """The student's Python process ended."""


class KernelStuck(BaseException):
    """The student's Python process cannot be interrupted."""


class StudentKernel:
    """The kernel that has run the student's cells.

    Args:
        connection: as in Jupyter's connection files.
    """

    def __init__(self, connection: Any) -> None:
        self._client = BlockingKernelClient()
        self._client.load_connection_info(connection)
        self._client.start_channels(iopub=False, stdin=False)
        self._stuck = False

    def call(self, name: str, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call a function there.

        Raises:
            NotYet: it returned what cannot be sent.
            KernelDied: Python ended.
            KernelStuck: an earlier call cannot be interrupted.
            Exception: what the function raised, as far as its class is built-in.
        """
        arguments = pack((_named(list(positional)), _named(named)))
        return _result(self._ask(f"call(get_ipython().user_ns, {name!r}, {arguments!r})"))

    def look_up(self, names: list[str]) -> dict[str, tuple[str, Any]]:
        """What names stand for there: "function", "value" or "missing", and the value."""
        found = self._ask(f"look_up(get_ipython().user_ns, {names!r})")
        if not isinstance(found, dict):
            raise InputError("the student's kernel answered something that was not asked")
        return {name: found[name] for name in names}

    def _ask(self, expression: str) -> Any:
        if self._stuck:
            raise KernelStuck("code that took too long cannot be interrupted")
        asked = self._client.execute(
            "",
            silent=True,
            store_history=False,
            allow_stdin=False,
            user_expressions={"reply": f"__import__({_ANSWERS!r}, fromlist=['_']).{expression}"},
        )
        try:
            content = self._reply(asked, None)
        except KeyboardInterrupt:
            self._interrupt()
            raise
        reply = content.get("user_expressions", {}).get("reply", {})
        if reply.get("status") != "ok" or MIME not in reply.get("data", {}):
            raise InputError(f"the student's kernel does not answer ({reply.get('ename')})")
        return unpack(reply["data"][MIME])

    def _reply(self, asked: str, seconds: float | None) -> dict[str, Any]:
        start = beat = time.monotonic()
        while seconds is None or time.monotonic() - start < seconds:
            try:
                # The client's own get_shell_msg waits in another thread where a loop runs, as it
                # does in kernels; interrupted, that thread would go on and take the next reply.
                message = self._client.shell_channel.get_msg(timeout=LOOK)
            except Empty:
                if self._client.hb_channel.is_beating():
                    beat = time.monotonic()
                elif time.monotonic() - beat > _SILENT:
                    raise KernelDied("the Python process ended in this check") from None
                continue
            if message["parent_header"].get("msg_id") == asked:
                return dict(message["content"])
        raise KernelStuck("it cannot be interrupted")

    def _interrupt(self) -> None:
        control = self._client.control_channel
        control.send(self._client.session.msg("interrupt_request", content={}))
        try:
            control.get_msg(timeout=_GIVE_UP)
            # What was asked may have been answered already, in the moment of this interrupt.
            self._reply(self._client.kernel_info(), _GIVE_UP)
        except (Empty, KernelStuck, KernelDied):
            self._stuck = True


class Remote:
    """A function of the student's notebook.

    Args:
        kernel: where it is.
        name: what it is called there.
    """

    def __init__(self, kernel: StudentKernel, name: str) -> None:
        self._kernel = kernel
        self.__name__ = name

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """Call it, with copies of the arguments; returns a copy of the result."""
        return self._kernel.call(self.__name__, positional, named)

    def __repr__(self) -> str:
        return f"<{self.__name__}, in the student's kernel>"


class Unseen:
    """A value of the student's kernel that cannot be sent; equal to nothing.

    Args:
        reason: why it cannot.
    """

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __repr__(self) -> str:
        return f"<{self._reason}>"


def _named(value: Any) -> Any:
    """Functions of the student as arguments go by name."""
    if isinstance(value, Remote):
        return Named(value.__name__)
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(map(_named, value))
    return {k: _named(v) for k, v in value.items()} if type(value) is dict else value


def _result(outcome: Any) -> Any:
    if isinstance(outcome, dict) and outcome.keys() == {"result"}:
        return outcome["result"]
    if not isinstance(outcome, dict) or outcome.keys() != {"error"}:
        raise InputError("the student's kernel answered something that was not asked")
    name, text, bases = outcome["error"]
    name, text = str(name), str(text)
    if name == NotYet.__name__:
        raise NotYet(text)
    known = [getattr(builtins, str(base), None) for base in bases]
    kind = next((k for k in known if isinstance(k, type) and issubclass(k, Exception)), Exception)
    own = {"__str__": lambda self: text, "__init__": lambda self, text: Exception.__init__(self)}
    raise type(printable(name, 80), (kind,), own)(text)


def connect(namespace: MutableMapping[str, Any], connection: dict[str, Any]) -> None:
    """Make this kernel the kernel of the checks.

    Args:
        namespace: of the check cells.
        connection: to the student's kernel, as in Jupyter's connection files.
    """
    global _current
    _current = _Names(namespace, StudentKernel(connection))
    checks.students_side = lambda name: Remote(_current.kernel, name)


def fetch(names: list[str]) -> None:
    """Give these names the meaning that they have in the student's kernel now."""
    _current.fetch(names)


class _Names:
    def __init__(self, namespace: MutableMapping[str, Any], kernel: StudentKernel) -> None:
        self._namespace = namespace
        self.kernel = kernel

    def fetch(self, names: list[str]) -> None:
        found = self.kernel.look_up(names)
        kept = {name: self._namespace.pop(name) for name in names if name in self._namespace}
        for name, (kind, outcome) in found.items():
            if kind == FUNCTION:
                self._namespace[name] = Remote(self.kernel, name)
            elif kind == VALUE:
                try:
                    self._namespace[name] = _result(outcome)
                except NotYet as error:
                    self._namespace[name] = kept.get(name, Unseen(str(error)))


_current: _Names
