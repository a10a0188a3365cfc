"""Check cells in a kernel of their own: what travels between it and the student's, and when."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from nbformat.v4 import new_code_cell, new_notebook

from bnn_lab.course import answers, checks, remote
from bnn_lab.course.checks import attempt, expect_equal, in_students_kernel
from bnn_lab.course.exam import Exam, bound_names, definitions
from bnn_lab.course.wire import LONGEST, Named, Unsendable, pack, unpack
from bnn_lab.errors import InputError
from bnn_lab.lessons.checks.feedback import NotYet
from bnn_lab.tflite.layer_shapes import LayerShape

VALUES = [
    None,
    True,
    -3,
    10**40,
    0.1,
    float("inf"),
    "ä\ud800",
    b"\x00\xff",
    2 - 3j,
    [1, [2, (3,)]],
    (),
    {"a": (1, 2), 3: None, (4,): []},
    {1, 2},
    frozenset("a"),
    range(2, 9, 3),
    LayerShape("conv", 8, 8, 3, 4, (3, 3)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_plain_values_arrive_as_they_were(value: Any) -> None:
    there = unpack(pack(value))
    assert there == value and type(there) is type(value)


@pytest.mark.parametrize("dtype", ["?", "i1", "<u4", ">i8", "f2", "f8", "c16", "U3", "S2", "O"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 1, 3)])
def test_arrays_arrive_as_they_were(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.ones(shape, dtype)
    there = unpack(pack(array))
    assert there.dtype == array.dtype and there.shape == shape
    assert np.array_equal(there, array) and there.flags.writeable
    assert np.array_equal(unpack(pack(array.T)), array.T)


def test_scalars_of_numpy_stay_such() -> None:
    there = unpack(pack([np.float32(0.5), np.bool_(True), np.uint32(7)]))
    assert [type(value) for value in there] == [np.float32, np.bool_, np.uint32]


class AlwaysEqual(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Sly(np.ndarray):
    def __array_function__(self, *arguments: Any) -> Any:
        return True

    __array_ufunc__ = __array_function__


@pytest.mark.parametrize(
    ("sly", "plain"),
    [(AlwaysEqual(3), 3), ([AlwaysEqual(3)], [3]), (np.arange(3).view(Sly), np.arange(3))],
)
def test_classes_of_a_student_do_not_travel(sly: Any, plain: Any) -> None:
    there = unpack(pack(sly))
    assert type(there) is type(plain) and np.array_equal(there, plain)
    with pytest.raises(NotYet):
        expect_equal(there, np.asarray(plain) + 1, "x")


@pytest.mark.parametrize(
    "value",
    [object(), [object()], lambda: 0, np.zeros(1, "V3"), np.array([object()]), {"a": open}],
    ids=range(6),
)
def test_what_cannot_be_sent_is_named(value: Any) -> None:
    with pytest.raises(Unsendable, match="it is or holds"):
        pack(value)


def test_what_never_ends_cannot_be_sent() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(Unsendable, match="deep"):
        pack(loop)
    with pytest.raises(Unsendable, match="MiB"):
        pack("x" * (LONGEST + 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '{"a": 1, "b": 2}',
        '{"pickle": "gASV"}',
        '{"named": "open"}',
        '{"object": ["os", "system", {"dict": []}]}',
        '{"object": ["bnn_lab.course.wire", "pack", {"dict": []}]}',
        '{"object": ["bnn_lab.nowhere", "X", {"dict": []}]}',
        '{"object": ["bnn_lab.tflite.layer_shapes", "LayerShape", {"dict": [["kind", "?"]]}]}',
        '{"object": ["bnn_lab.tflite.layer_shapes", "math", {"dict": []}]}',
        '{"array": ["|O", [1], "AAAAAAAAAAA="]}',
        '{"array": ["<f8", [1000000000000], "AAAAAAAAAAA="]}',
        '{"array": ["<f8", [-1], "AAA="]}',
        '{"array": ["<U0", [99999999999], ""]}',
        '{"array": ["V8", [1], "AAAAAAAAAAA="]}',
        '{"dict": [[{"list": []}, 1]]}',
        '{"list":[' * 5000,
        "[" * 100_000,
        "1" * 5000,
        "x" * (LONGEST + 1),
    ],
    ids=range(21),
)
def test_messages_of_those_who_mean_harm(text: str) -> None:
    with pytest.raises(InputError):
        unpack(text)


def test_names_are_for_the_student_s_side_alone() -> None:
    text = pack([Named("double"), 2])
    assert unpack(text, {"double": len}) == [len, 2]
    with pytest.raises(InputError):
        unpack(text)


def kernel_of(namespace: dict[str, Any]) -> remote.StudentKernel:
    """A student's kernel in this process: the same messages, without sockets."""

    class Kernel(remote.StudentKernel):
        def __init__(self) -> None:
            pass

        def _ask(self, expression: str) -> Any:
            shell = type("Shell", (), {"user_ns": namespace})
            scope = {"call": answers.call, "look_up": answers.look_up, "get_ipython": lambda: shell}
            return unpack(eval(expression, scope)._repr_mimebundle_()[answers.MIME])

    return Kernel()


def names_of(**namespace: Any) -> tuple[dict[str, Any], Callable[[list[str]], None]]:
    """The check kernel's namespace, and its `fetch`."""
    here: dict[str, Any] = {}
    return here, remote._Names(here, kernel_of(namespace)).fetch


ENDLESS = """
def double(x):
    while x < 0:
        pass
    return 2 * x
"""


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_interrupted_call_leaves_the_kernel_free() -> None:
    """In kernels a loop runs, and there Jupyter's client waits for messages in another thread."""
    manager, client = start_new_kernel()
    try:
        client.execute_interactive(ENDLESS, timeout=60)
        connection = manager.get_connection_info()
        connection["key"] = connection["key"].decode()
        kernel = remote.StudentKernel(connection)

        async def calls() -> None:
            for hundredths in (80, 100, 120):
                assert kernel.call("double", (1,), {}) == 2
                with pytest.raises(KeyboardInterrupt), interrupted_after(hundredths / 100):
                    kernel.call("double", (-1,), {})
            assert kernel.call("double", (2,), {}) == 4

        asyncio.run(calls())
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_function_is_called_there_with_copies() -> None:
    seen = []

    def spoil(values: Any, *, by: float) -> Any:
        seen.append(values)
        values += by
        return values

    here, fetch = names_of(spoil=spoil)
    fetch(["spoil"])
    mine = np.zeros(3)
    given = here["spoil"](mine, by=2.0)
    assert given.tolist() == [2, 2, 2] and not mine.any() and seen[0] is not given
    assert here["spoil"].__name__ == "spoil" and "student's kernel" in repr(here["spoil"])


def test_functions_of_the_student_as_arguments() -> None:
    here, fetch = names_of(twice=lambda f, x: f(f(x)), double=lambda x: 2 * x)
    fetch(["twice", "double"])
    assert here["twice"](here["double"], 3) == 12


def test_values_come_as_copies_and_missing_names_go() -> None:
    weird = object()
    here, fetch = names_of(answer={"a": [True]}, weird=weird, rng=weird)
    here.update(gone=1, rng="the teacher's")
    fetch(["answer", "weird", "gone", "rng"])
    assert here["answer"] == {"a": [True]} and here["rng"] == "the teacher's"
    assert "gone" not in here
    assert "weird cannot be sent: it is or holds an object" in repr(here["weird"])
    with pytest.raises(NotYet):
        expect_equal(here["weird"], 1, "no")


class Odd(ZeroDivisionError):
    pass


@pytest.mark.parametrize(
    ("error", "base", "text"),
    [
        (KeyError("k"), KeyError, "'k'"),
        (Odd("by 0"), ZeroDivisionError, "by 0"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), UnicodeDecodeError, "bad"),
        (type("[/oops]\x1b", (Exception,), {})("x" * 9999), Exception, "xxx"),
        (SystemExit(3), Exception, "3"),
        (np.exceptions.AxisError("axis"), ValueError, "axis"),
    ],
    ids=range(6),
)
def test_exceptions_arrive(error: BaseException, base: type[Exception], text: str) -> None:
    def raises() -> None:
        raise error

    here, fetch = names_of(raises=raises)
    fetch(["raises"])
    with pytest.raises(base) as caught:
        here["raises"]()
    assert text in str(caught.value) and len(str(caught.value)) < 3000
    assert type(caught.value).__name__ == type(error).__name__.replace("\x1b", "\ufffd")
    with pytest.raises(NotYet, match=r"raises raised"):
        attempt(here["raises"])
    with pytest.raises(NotYet, match=r"^by zero$"):
        attempt(here["raises"], hints={Exception: "by zero"})


def test_hints_of_helpers_arrive_as_hints() -> None:
    def helper() -> None:
        raise NotYet("look again")

    here, fetch = names_of(helper=helper, alien=lambda: object())
    fetch(["helper", "alien"])
    with pytest.raises(NotYet, match=r"^look again$"):
        attempt(here["helper"])
    with pytest.raises(NotYet, match="alien returns something that no check can look at"):
        attempt(here["alien"])


@pytest.mark.parametrize(
    "outcome", [None, 3, {}, {"result": 1, "error": 2}, {"error": 3}, {"error": (1, 2, 3)}]
)
def test_answers_that_were_not_asked_for(outcome: Any) -> None:
    with pytest.raises((InputError, TypeError, ValueError)):
        remote._result(outcome)


def test_helpers_run_beside_the_student_s_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def helper() -> str:
        return "here"

    assert in_students_kernel(helper)() == "here"
    kernel = kernel_of({"helper": lambda: "there"})
    monkeypatch.setattr(checks, "students_side", lambda name: remote.Remote(kernel, name))
    assert in_students_kernel(helper)() == "there"
    checks.show_result(lambda: pytest.fail("drawn"))


def graded(name: str, source: str, **data: Any) -> Any:
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": name, **data}})


def test_the_order_of_the_teacher_s_cells() -> None:
    notebook = new_notebook(
        cells=[
            new_code_cell("a = 1"),
            graded("one", "import math\ndef one(): pass", solution=True),
            graded("check_one", "one()", grade=True),
            new_code_cell("b = 2"),
            graded("two", "two, (three, four) = 2, (3, 4)", solution=True),
            graded("check_two", "two", grade=True),
            new_code_cell("c = 3"),
        ]
    )
    exam = Exam(notebook, {"check_one", "check_two"})
    first, second, again = (exam.before(f"check_{n}") for n in ("one", "two", "one"))
    assert (first.sources, first.names) == (("a = 1", "import math"), ("one",))
    assert (second.sources, second.names) == (("b = 2",), ("four", "three", "two"))
    assert (again.sources, again.names) == ((), ())
    late = Exam(notebook, {"check_one", "check_two"}).before("check_two")
    assert late.sources == ("a = 1", "import math", "b = 2")  # its first check was deleted
    assert Exam(notebook, set()).before("unknown").sources[-1] == "c = 3"


def test_names_of_cells() -> None:
    source = "%matplotlib inline\nimport os\nclass A: x = 1\nfor i in []: pass\nb: int = 2\nc += 1"
    assert bound_names(source) == ["A", "b", "c", "i"]
    assert bound_names("not Python at all") == []


def test_students_get_the_visible_helpers_of_checks() -> None:
    source = (
        "import math\n@wraps\ndef helper():\n    return 1\n\nexpect(helper() == secret(), 'x')\n"
        "### BEGIN HIDDEN TESTS\ndef hidden(): pass\nimport secrets\n### END HIDDEN TESTS\nx = 1"
    )
    assert definitions(source) == "import math\n@wraps\ndef helper():\n    return 1"


@dataclass
class Own:
    x: int = 1


def test_only_dataclasses_of_bnn_lab_travel() -> None:
    with pytest.raises(Unsendable, match="class Own"):
        pack(Own())
    forged = json.dumps({"object": [Own.__module__, "Own", {"dict": []}]})
    with pytest.raises(InputError):
        unpack(forged)
    assert base64.b64decode(json.loads(pack(b"x"))["bytes"]) == b"x"
