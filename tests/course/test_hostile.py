"""A class of students who mean harm or have bad luck: what becomes of each, and of the others."""

from __future__ import annotations

import csv
import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup

from bnn_lab.cli.terminal import console
from bnn_lab.course.feedback import safe_page
from bnn_lab.course.folder import CourseFolder
from bnn_lab.course.grading import Limits, grade, known_cells
from bnn_lab.course.outputs import limit_outputs
from bnn_lab.course.points import Row, read_reports, summary, to_csv
from bnn_lab.course.sandbox import Quota
from bnn_lab.course.submission import clean_copy, clean_notebook, handed_in, printable
from bnn_lab.errors import InputError

NAME = "tiny"
MB = 2**20

# Tries everything and says what it got.
GREEDY = f"""
import json, os
from pathlib import Path
got = {{}}
def attempt_to(name, action):
    try:
        got[name] = action()
    except BaseException as error:
        got[name] = type(error).__name__
def fill(folder):
    count = 0
    try:
        for number in range(100):
            with open(f"{{folder}}/{{number}}", "wb") as file:
                for _ in range(64):
                    file.write(bytes({MB}))
                    count += 1
    except OSError:
        pass
    for path in Path(folder).glob("[0-9]*"):
        path.unlink()
    return count
attempt_to("environ", lambda: Path("/proc/1/environ").read_text())
attempt_to("others", lambda: [p for p in os.listdir("/proc") if p.isdigit() and int(p) > 60])
for folder in ("/scratch", "/dev/shm", "/tmp"):
    attempt_to(folder, lambda: fill(folder))
for folder in ("/", "/dev", "/usr"):
    attempt_to(folder, lambda: Path(folder, "new").write_text("x"))
attempt_to("memory", lambda: len(bytearray(3000 * {MB})))
print("GOT " + json.dumps(got))
"""

SHOWS = f"""
from IPython.display import HTML, Javascript, display
import ipywidgets
display(HTML("<script>alert(1)</script><img src='https://example.com/x' onerror='alert(1)'>"))
display(HTML("<iframe src='https://example.com'></iframe><form action='https://example.com'>"))
display(Javascript("alert(1)"))
display(HTML("<b>" + "x" * (40 * {MB}) + "</b>"))
handle = display("a", display_id="one")
handle.update({{"text/plain": "y" * (20 * {MB})}}, raw=True)
ipywidgets.Text(value="z" * (10 * {MB}))
"""

RAISES = """
def double(x):
    raise type("[/oops]", (Exception,), {})("w" * 30_000_000)
"""

FORMULA = 'raise type("=HYPERLINK(0)", (Exception,), {})("<script>alert(2)</script>\\x1b[2J")'

FORKS = """
import os, time
for _ in range(400):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
time.sleep(60)
"""

SHARES = f"""
import os, time
for _ in range(6):
    if os.fork() == 0:
        kept = bytearray(b"x") * (250 * {MB})
        time.sleep(60)
        os._exit(0)
time.sleep(60)
"""

# Wherever a hidden test could be, in the words of the text that it looks for.
SPIES = """
import atexit, gc, inspect, os, sys, glob
NEEDLES = ["hidden " + "number", "HIDDEN " + "TESTS", "42, " + chr(34), "Try " + "others."]
def look():
    texts = [o for o in gc.get_objects() if isinstance(o, str)]
    for container in gc.get_objects():
        if isinstance(container, dict):
            texts += [v for v in list(container.values()) if isinstance(v, str)]
        elif isinstance(container, (list, tuple)):
            texts += [v for v in list(container) if isinstance(v, str)]
    frames = map(inspect.getframeinfo, sys._current_frames().values())
    for frame in [*inspect.stack(), *frames]:
        texts += frame.code_context or []
    shell = get_ipython()
    texts += shell.history_manager.input_hist_raw + list(shell.user_ns.get("In", []))
    for pattern in ("/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ", "/scratch/**", "/input/**",
                    "/tmp/**", "/dev/shm/**"):
        for path in glob.glob(pattern, recursive=True):
            try:
                texts.append(open(path, errors="replace").read())
            except OSError:
                pass
    return [n for n in NEEDLES for t in texts if n in t and t not in NEEDLES and "NEEDLES" not in t]
CALLS = []
def trace(frame, event, argument):
    text = str(frame.f_code.co_consts)
    if "NEEDLES" not in str(frame.f_code.co_names):
        CALLS.extend(n for n in NEEDLES if n in text)
sys.settrace(trace)
shell = get_ipython()
shell.events.register("pre_run_cell", lambda info: CALLS.append(info.raw_cell))
LEAKS = look()
def double(x):
    LEAKS.extend(look())
    atexit.register(look)
    return 2 * x
"""
SPIED = """
LEAKS += look() + [n for n in NEEDLES for t in CALLS if n in t and "NEEDLES" not in t]
print("LEAKS " + str(LEAKS))
print("LEAKS " + __import__("base64").b64encode(str(LEAKS).encode()).decode())
"""

# Every answer is wrong, and everything says that it is right.
CHEATS = """
import builtins, sys
import numpy as np
import bnn_lab.course.checks as checks, bnn_lab.course.wire as wire
import bnn_lab.lessons.checks.feedback as feedback
class Equal(int):
    def __eq__(self, other):
        return True
    __hash__ = None
    shape, dtype = (), np.dtype(int)
    def __array__(self, *a, **k):
        return np.asarray(42)
    def _repr_mimebundle_(self, **k):
        return {"text/plain": "2"}
def double(x):
    return Equal(7)
half = lambda x: Sly(x)
class Sly:
    shape = ()
    def __new__(cls, x):
        return np.asarray(1).view(type("Sly", (np.ndarray,), {
            "__array_function__": lambda *a, **k: True, "__array_ufunc__": lambda *a, **k: True}))
for module in (np, builtins):
    for name in ("array_equal", "allclose", "array_equiv", "all"):
        setattr(module, name, lambda *a, **k: True)
for module in (checks, feedback, sys.modules["__main__"]):
    for name in ("expect", "expect_equal", "expect_close", "_compare", "passed", "attempt"):
        setattr(module, name, lambda *a, **k: 2)
    module.NotYet = Warning
"""

# A stream of results of its own making, and a Python that ends within a check.
FORGES = """
import os
import bnn_lab.course.answers as answers
kernel = get_ipython().kernel
for name, content in {
    "execute_result": {"data": {"text/plain": "2"}, "metadata": {}, "execution_count": 9},
    "display_data": {"data": {"text/plain": "forged"}, "metadata": {}},
    "status": {"execution_state": "idle"},
}.items():
    kernel.session.send(kernel.iopub_socket, name, content, parent=kernel.get_parent())
def double(x):
    return 2 * x + 1
half = double
def call(namespace, name, arguments):
    if name == "double":
        return answers.Reply('{"object": ["os", "system", {"dict": [["command", "id"]]}]}')
    os._exit(0)
answers.call = call
"""

# Ends Python where it is called, which is caught; and a loop, which is interrupted.
LEAVES = """
def double(x):
    __import__("sys").exit("bye")
def half(x):
    while x == -3:
        pass
    return x / 2
"""

# A file's own limit ends the writing; the look at the folder comes a tenth of a second later.
FILLS_THE_HOST = f"""
import contextlib, glob, time
folder = glob.glob("/tmp/bnn-*/run")[0]
with contextlib.suppress(OSError), open(folder + "/big", "wb") as file:
    for _ in range(200):
        file.write(bytes({MB}))
time.sleep(60)
"""


# Student, what the notebook is or does, points of the exercises of 2 and of 3, note of the second.
OUTCOMES = [
    ("good", "solves both, and nothing else", 2, 3, ""),
    (
        "odd",
        "Colab's widget state, pasted check cells, metadata of wrong types, a byte order mark; "
        "shows scripts, frames, forms, 40 MB of HTML, 20 MB of updates, a widget",
        2,
        3,
        "",
    ),
    (
        "greedy",
        "looks for hidden tests in memory, frames, history, files, by tracing and while it is "
        "called; fills /scratch, /tmp and /dev/shm; writes to the system; wants 3 GB",
        2,
        3,
        "",
    ),
    (
        "cheats",
        "patches `np.array_equal`, the checks and Python's own `all`; returns objects that equal "
        "everything",
        0,
        0,
        "NotYet",
    ),
    (
        "forges",
        "sends outputs and answers of its own making; ends Python in a check",
        0,
        0,
        "KernelDied",
    ),
    (
        "leaves",
        "calls `sys.exit` in one check, loops without end in another",
        0,
        0,
        "CellTimeoutError",
    ),
    (
        "raises",
        "an error of 30 MB with markup in its name; one whose name is a spreadsheet's formula",
        0,
        0,
        "NotYet",
    ),
    ("forks", "starts 400 processes", 2, 0, "ProcessLimit"),
    ("shares", "takes 250 MB in each of six processes", 2, 0, "MemoryLimit"),
    ("fills", "writes 200 MB to the one folder of the host", 2, 0, "DiskLimit"),
    ("link", "is a link to the solution", 0, 0, "not graded: tiny.ipynb is a link"),
    ("beside", "has a link to the course beside it", 0, 0, "not graded: data is a link"),
]


def table_of(rows: dict[str, dict[str, Row]]) -> str:
    """What became of each, in Markdown: from the points that grading gave."""
    lines = ["| the notebook | points of 5 | the report says |", "|---|---|---|"]
    for student, what, *_ in OUTCOMES:
        mine = [rows[student][f"check_{name}"] for name in ("double", "half")]
        notes = dict.fromkeys(row.note.partition(". Fix")[0] for row in mine if row.note)
        said = "; ".join(notes).replace("tiny.ipynb", "the notebook")
        lines.append(f"| {what} | {sum(row.points for row in mine):g} | {said} |")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def class_of(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_course: CourseFolder,
    hand_in: Any,
    cell: Any,
    need_bubblewrap: Callable[[], None],
) -> tuple[CourseFolder, dict[str, dict[str, Row]], list[str]]:
    """Everyone is graded in one go; rows by student and exercise."""
    need_bubblewrap()
    root = tmp_path_factory.mktemp("hostile") / "course"
    shutil.copytree(tiny_course.root, root)
    course = CourseFolder(root)

    def add(code: str, to: str = "double") -> Any:
        def edit(notebook: Any) -> None:
            cell(notebook, to).source += "\n" + code

        return edit

    def colab(notebook: Any) -> None:
        # Also cells that were pasted, metadata that is none, and output of every kind.
        cell(notebook, "double").source += SHOWS
        notebook.metadata["widgets"] = {"application/x": {"k1": {"model_name": "M", "state": {}}}}
        notebook.cells.append(cell(notebook, "check_half").copy())
        notebook.cells.append(nbformat.v4.new_code_cell("1", metadata={"nbgrader": {"grade": 1}}))
        notebook.cells.append(nbformat.v4.new_code_cell("1", metadata={"nbgrader": {"x": [1]}}))

    hand_in(course, NAME, "good")
    odd = hand_in(course, NAME, "odd", colab)
    odd.write_bytes(b"\xef\xbb\xbf" + odd.read_bytes())

    def greedy(notebook: Any) -> None:
        cell(notebook, "double").source = SPIES + GREEDY
        notebook.cells.append(nbformat.v4.new_code_cell(SPIED))

    hand_in(course, NAME, "greedy", greedy)

    def instead(code: str) -> Any:
        def edit(notebook: Any) -> None:
            cell(notebook, "double").source, cell(notebook, "half").source = code, "pass"

        return edit

    hand_in(course, NAME, "cheats", instead(CHEATS))
    hand_in(course, NAME, "forges", instead(FORGES))
    hand_in(course, NAME, "leaves", instead(LEAVES))

    def raises(notebook: Any) -> None:
        cell(notebook, "double").source = RAISES
        cell(notebook, "check_double").source = "double(1)"
        cell(notebook, "half").source = "def half(x):\n    " + FORMULA + "\n" + FORMULA

    hand_in(course, NAME, "raises", raises)
    hand_in(course, NAME, "forks", add(FORKS, "half"))
    hand_in(course, NAME, "shares", add(SHARES, "half"))
    hand_in(course, NAME, "fills", add(FILLS_THE_HOST, "half"))
    link = hand_in(course, NAME, "link")
    link.unlink()
    link.symlink_to(course.source(NAME))
    beside = hand_in(course, NAME, "beside")
    (beside.parent / "data").symlink_to(course.root)
    lines: list[str] = []
    rows = grade(course, limits=Limits(20, 120), quota=Quota(1024, 16, 96), progress=lines.append)
    by_student: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_student.setdefault(row.student, {})[row.exercise] = row
    return course, by_student, lines


@pytest.mark.slow
@pytest.mark.parametrize(
    ("student", "double", "half", "note"),
    [(student, *expected) for student, _, *expected in OUTCOMES],
    ids=[student for student, *_ in OUTCOMES],
)
def test_outcome(class_of: Any, student: str, double: int, half: int, note: str) -> None:
    course, rows, _ = class_of
    mine = rows[student]
    assert (mine["check_double"].points, mine["check_half"].points) == (double, half), mine
    assert mine["check_half"].note.startswith(note)
    graded = not note.startswith("not graded")
    assert course.feedback(student, NAME).is_file() == graded
    assert course.autograded(student, NAME).is_file() == graded


@pytest.mark.slow
def test_the_sandbox_gives_nothing_away_and_has_limits(class_of: Any) -> None:
    course, _, _ = class_of
    notebook = nbformat.read(course.autograded("greedy", NAME), 4)
    texts = [o.get("text", "") for c in notebook.cells for o in c.get("outputs", [])]
    got = json.loads(next(text for text in texts if text.startswith("GOT "))[4:])
    assert got["environ"] == "" and got["others"] == []
    for folder in ("/scratch", "/dev/shm", "/tmp"):
        assert 60 <= got[folder] <= 96, got
    assert {got[folder] for folder in ("/", "/dev", "/usr")} == {"OSError"}
    assert got["memory"] == "MemoryError"


@pytest.mark.slow
def test_hidden_tests_are_out_of_reach(class_of: Any) -> None:
    course, _, _ = class_of
    notebook = nbformat.read(course.autograded("greedy", NAME), 4)
    lines = [
        line
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for line in output.get("text", "").splitlines()
        if line.startswith("LEAKS ")
    ]
    assert lines == ["LEAKS []", "LEAKS W10="]


@pytest.mark.slow
def test_output_of_every_kind_has_limits(class_of: Any) -> None:
    course, _, _ = class_of
    for student in ("odd", "raises"):
        for path in (course.autograded(student, NAME), course.feedback(student, NAME)):
            assert path.stat().st_size < 2 * MB, path


@pytest.mark.slow
def test_feedback_runs_and_loads_nothing(class_of: Any) -> None:
    course, _, _ = class_of
    for student in ("good", "odd", "raises"):
        page = BeautifulSoup(course.feedback(student, NAME).read_text(), "html.parser")
        (policy,) = page.find_all("meta", attrs={"http-equiv": "Content-Security-Policy"})
        assert policy["content"].startswith("default-src 'none'")
        assert not page.find_all(["script", "iframe", "form", "link"])
        attributes = {(k, str(v)) for tag in page.find_all(True) for k, v in tag.attrs.items()}
        assert not {k for k, _ in attributes if k.startswith("on")}
        assert not {v for k, v in attributes if k in ("src", "href") and "//" in v}
    assert "Doubled." in course.feedback("good", NAME).read_text()


@pytest.mark.slow
def test_tables_are_whole_and_harmless(class_of: Any) -> None:
    course, rows, lines = class_of
    assert len(lines) == len(rows) == len(OUTCOMES)
    assert {row.student for row in read_reports(course, [NAME])} == set(rows)
    console().print(summary([row for mine in rows.values() for row in mine.values()]))


@pytest.mark.slow
def test_the_page_says_what_became_of_each(class_of: Any) -> None:
    """To get the table: ``pytest tests/course/test_hostile.py -m slow -k page -s``."""
    table = table_of(class_of[1])
    print(f"\n{table}")
    page = (Path(__file__).parents[2] / "docs/teach.md").read_text()
    assert table in page


@pytest.mark.parametrize("note", ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "plain", "a,b", 'x"y'])
def test_no_cell_of_a_table_is_a_formula(note: str, own_tiny: CourseFolder) -> None:
    text = to_csv([Row("a", "s", "e", 0, 1, "auto", note)])
    (line,) = csv.DictReader(text.splitlines())
    assert not line["note"].startswith(("=", "+", "-", "@"))
    own_tiny.reports.mkdir()
    (own_tiny.reports / "a.csv").write_text(text)
    assert read_reports(own_tiny, ["a"])[0].note in (note, "=1")


def test_terminals_get_letters_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert printable("a\x1b[2Jb\u202ec\nd") == "a\ufffd[2Jb\ufffdc\ufffdd"
    assert len(printable("x" * 10_000)) == 300
    console().print(summary([Row("a", "[/oops]", "e", 0, 1, "auto", "[bold]\x1b[2J")]))
    assert "[/oops]" in capsys.readouterr().out


BAD_NAMES = ["*", "-rf", "[ab]", "a\nb", "\ufeffa", "a\u202eb", "x" * 160, "a\\b", "\udcff"]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_odd_names_are_refused(own_tiny: CourseFolder, hand_in: Any, name: str) -> None:
    hand_in(own_tiny, NAME, "ana")
    hand_in(own_tiny, NAME, "ben")
    os.rename(own_tiny.root / "submitted" / "ana", own_tiny.root / "submitted" / name)
    (own_tiny.submitted("ben", NAME).parent / name).write_text("x")
    assert set(handed_in(own_tiny, NAME)) == {name, "ben"}
    for student, message in ((name, r"unfit"), ("ben", r"the name|is not UTF-8")):
        with pytest.raises(InputError, match=message):
            clean_copy(own_tiny, student, NAME, {}, own_tiny.root)


def _device(path: Path) -> None:
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


def _socket(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)  # `bind` refuses paths of over 107 bytes


KINDS: dict[str, Callable[[Path], None]] = {
    "link to a file": lambda path: path.symlink_to("/etc/passwd"),
    "link to a folder": lambda path: path.symlink_to("/etc"),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "pipe": os.mkfifo,
    "device": _device,
    "socket": _socket,
    "hard link": lambda path: os.link(path.parents[1] / "tiny.ipynb", path),
    "deep": lambda path: (path / "1/2/3/4/5/6").mkdir(parents=True),
    "many": lambda path: path.mkdir() or [(path / f"{n}").touch() for n in range(501)],  # type: ignore[func-returns-value]
}


@pytest.mark.parametrize(
    ("kind", "where"),
    [(kind, "file") for kind in KINDS]
    + [
        (kind, where)
        for kind in ("link to a file", "link to a folder", "dangling link", "pipe", "device")
        for where in ("notebook", "assignment", "student")
    ],
)
def test_what_is_no_plain_file_is_refused(
    own_tiny: CourseFolder, hand_in: Any, tmp_path: Path, kind: str, where: str
) -> None:
    notebook = hand_in(own_tiny, NAME, "ana")
    folder = notebook.parent
    if where == "file":
        (folder / "data").mkdir()
        KINDS[kind](folder / "data" / "x")
    else:
        place = {"notebook": notebook, "assignment": folder, "student": folder.parent}[where]
        place.rename(tmp_path / "away")
        KINDS[kind](place)
    with pytest.raises(InputError, match=r"link|device|elsewhere|more than|not a folder"):
        clean_copy(own_tiny, "ana", NAME, {}, tmp_path)


def test_a_link_as_a_folder_of_students_is_refused(own_tiny: CourseFolder, hand_in: Any) -> None:
    hand_in(own_tiny, NAME, "ana")
    (own_tiny.root / "submitted" / "eve").symlink_to("ana")
    with pytest.raises(InputError, match="submitted/eve is a link"):
        clean_copy(own_tiny, "eve", NAME, {}, own_tiny.root)


def cells(*given: Any) -> bytes:
    return json.dumps({"cells": list(given), "nbformat": 4, "metadata": 7}).encode()


GOOD = {"cell_type": "code", "source": ["a\n", "b"], "metadata": {"nbgrader": {"grade_id": "x"}}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"[]",
        b"{}",
        b'{"cells": 3}',
        b'{"cells": [3]}',
        b"\xff\xfe{",
        b"[" * 100_000,
        cells({"cell_type": "code"}),
        cells({"cell_type": "evil", "source": ""}),
        cells({"cell_type": "code", "source": [1]}),
    ],
    ids=range(11),
)
def test_not_a_notebook(content: bytes) -> None:
    with pytest.raises(InputError, match="it is not a readable notebook"):
        clean_notebook(content, {})


@pytest.mark.parametrize("bad", [3, None, [], {"nbgrader": 3}, {"nbgrader": {"grade_id": [1]}}])
def test_metadata_of_any_type(bad: Any) -> None:
    known = {"x": {"grade_id": "x", "grade": True, "points": 2}}
    notebook = clean_notebook(
        cells(
            GOOD,
            GOOD | {"metadata": bad, "id": 3, "outputs": 7, "execution_count": "x"},
            GOOD | {"metadata": {"nbgrader": {"grade_id": "unknown", "grade": True}}},
            GOOD | {"source": "\ud800", "attachments": 4, "metadata": {}},
        ),
        known,
    )
    nbformat.validate(nbformat.from_dict(notebook))
    first, second, third, fourth = notebook["cells"]
    assert first["source"] == "a\nb" and first["metadata"]["nbgrader"] == known["x"]
    assert second["metadata"] == third["metadata"] == {}
    assert fourth["source"] == "?"


def test_notebooks_of_2014(tiny_course: CourseFolder, solve: Any) -> None:
    old = nbformat.convert(solve(tiny_course, NAME), 3)
    notebook = clean_notebook(nbformat.writes(old, 3).encode(), known_cells(tiny_course, NAME))
    assert any("def double" in cell["source"] for cell in notebook["cells"])


def test_outputs_add_up() -> None:
    stream = nbformat.v4.new_output("stream", text="x" * 100)
    error = nbformat.v4.new_output("error", ename="E", evalue="y" * 900, traceback=["z" * 900])
    kept = limit_outputs([stream, stream, error, stream], 400)
    assert [output.output_type for output in kept] == ["stream", "stream", "error"]
    assert kept[2].ename == "E" and len(str(kept[2])) < 900


@pytest.mark.parametrize(
    "evil",
    [
        "<script>x</script>",
        "<SCRIPT SRC=//e.com></SCRIPT>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)><script>x</script></svg>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href=" JaVaScRiPt:alert(1)">x</a>',
        '<meta http-equiv="refresh" content="0;url=https://e.com">',
        '<link rel=stylesheet href="https://e.com/x.css">',
        '<base href="https://e.com/">',
        '<object data="https://e.com"></object>',
        '<form action="https://e.com"><input></form>',
        '<img src="https://e.com/x.png">',
        '<video src="https://e.com/x"></video>',
        '<svg><image href="https://e.com/x"/><use xlink:href="//e.com/x#a"/></svg>',
        '<svg><animate attributeName="href" values="javascript:alert(1)"/></svg>',
        '<td background="//e.com/x">x</td>',
        '<p style="background:url(https://e.com/x)">x</p>',
        '<p style="background:u\\72 l(//e.com/x)">x</p>',
        '<p style="background:\\000075rl(//e.com/x)">x</p>',
        "<p style=\"background-image:image-set('//e.com/x' 1x)\">x</p>",
        "<style>@import 'https://e.com/x.css';a{b:\\url( //e.com )}</style>",
        '<style>@\\69mport url("//e.com/x");</style>',
    ],
)
def test_pages(evil: str) -> None:
    page = safe_page(f"<html><head><title>t</title></head><body>{evil}<p>kept</p></body></html>")
    body = page.split("</head>")[1].lower()
    for word in ("script", "onerror", "onload", "e.com", "alert", "refresh"):
        assert word not in body, page
    assert "<p>kept</p>" in page and page.index("default-src 'none'") < page.index("<title>")
