"""Processes that fork, have no stderr, or no place for temporary files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import os, signal, sys, threading
import numpy as np
from bnn_lab import Interpreter
from bnn_lab.errors import InputError
folder = sys.argv[1]
content = open(folder + "/model.tflite", "rb").read()
x, y = (np.load(f"{folder}/{name}.npy") for name in "xy")
def right(interpreter):
    return np.array_equal(interpreter.predict(x), y)
def in_child(action):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # ends it if it hangs
        os._exit(0 if action() else 1)
    return os.waitpid(pid, 0)[1]
"""

FORKS_WHILE_ANOTHER_THREAD_LOADS = """
right(Interpreter(content))
going = True
def load():
    while going:
        Interpreter(content)
thread = threading.Thread(target=load)
thread.start()
for _ in range(20):
    assert in_child(lambda: right(Interpreter(content))) == 0
going = False
thread.join()
"""

FORKS_WITH_ONE_THREAD = """
interpreter = Interpreter(content)
right(interpreter)
assert in_child(lambda: right(interpreter)) == 0
with interpreter._lock:  # as if another thread were running it
    assert in_child(lambda: right(interpreter)) == 0
assert right(interpreter)
"""

FORKS_WITH_TWO_THREADS = """
interpreter = Interpreter(content, num_threads=2)
right(interpreter)
def child():
    global interpreter
    try:
        interpreter.predict(x)
    except InputError as error:
        assert "Fix: make a new Interpreter" in str(error)
    else:
        return False
    del interpreter  # must not wait for the threads of the other process
    return right(Interpreter(content, num_threads=2))
assert in_child(child) == 0
def ends_as_usual():
    sys.exit(0)
pid = os.fork()
if pid == 0:
    signal.alarm(60)
    sys.exit(0)  # frees all that there is
assert os.waitpid(pid, 0)[1] == 0
assert right(interpreter)
"""

NO_STDERR = """
sys.stderr = None
assert right(Interpreter(content))
"""

CLOSED_STDERR = """
os.close(2)
assert right(Interpreter(content))
"""

NO_TEMPORARY_FOLDER = """
import tempfile
def none(*args, **kwargs):
    raise FileNotFoundError(2, "No usable temporary directory found")
tempfile.TemporaryFile = tempfile.gettempdir = none
tempfile.tempdir = None
assert right(Interpreter(content))
if hasattr(os, "memfd_create"):
    del os.memfd_create
assert right(Interpreter(content))
"""

CASES = {name: code for name, code in globals().items() if name.isupper() and name != "HEAD"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("name", CASES)
def test_process(example: Path, name: str) -> None:
    command = [sys.executable, "-c", HEAD + CASES[name], str(example)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
