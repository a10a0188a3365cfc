"""Files are written whole or not at all, and read with suspicion."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bnn_lab._arrays import read_arrays, write_arrays
from bnn_lab._files import LOCK, check_writable, locked, whole_file, write_whole
from bnn_lab.errors import InputError

NOISE = np.random.default_rng(0).integers(0, 256, 200_000, dtype=np.uint8)


@pytest.fixture
def full_disk(mount: Callable[[str], Path]) -> Path:
    """64 kB, of which some are taken."""
    folder = mount("size=64k")
    (folder / "before").write_bytes(bytes(30_000))
    return folder


@pytest.fixture
def read_only(mount: Callable[[str], Path]) -> Path:
    """With one file in it, `old`."""
    folder = mount("size=64k")
    (folder / "old").write_bytes(b"old")
    remount = ["mount", "-o", "remount,ro", str(folder)]
    assert subprocess.run(remount, timeout=30).returncode == 0
    return folder


def write_by_numpy(path: Path) -> None:
    write_arrays(path, {"noise": NOISE}, compress=False)


def write_by_numpy_compressed(path: Path) -> None:
    write_arrays(path, {"noise": NOISE})


def write_by_hdf5(path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with whole_file(path) as part, h5py.File(part, "w") as file:
        file.create_dataset("noise", data=NOISE)


def write_by_pandas(path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    with whole_file(path) as part:
        pandas.DataFrame({"noise": NOISE}).to_parquet(part)


WRITERS = {
    "bytes": (lambda path: write_whole(path, NOISE.tobytes()), "x.bin"),
    "text": (lambda path: write_whole(path, "ü" * 100_000), "x.txt"),
    "numpy": (write_by_numpy, "x.npz"),
    "compressed": (write_by_numpy_compressed, "x.npz"),
    "hdf5": (write_by_hdf5, "x.h5"),
    "parquet": (write_by_pandas, "x.parquet"),
}


@pytest.fixture(params=WRITERS)
def writer(request: pytest.FixtureRequest) -> tuple[Callable[[Path], None], str]:
    return WRITERS[request.param]


def test_whole(writer: tuple[Callable[[Path], None], str], tmp_path: Path) -> None:
    write, name = writer
    path = tmp_path / "new" / "folders" / name
    write(path)
    write(path)
    assert [file.name for file in path.parent.iterdir()] == [name]
    assert path.stat().st_size > 100_000
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_a_full_disk(
    writer: tuple[Callable[[Path], None], str], full_disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write, name = writer
    path = full_disk / name
    path.write_bytes(b"old")
    with pytest.raises(InputError, match=r"cannot write .*: No space left .* Fix: make room"):
        write(path)
    assert path.read_bytes() == b"old"
    assert {file.name for file in full_disk.iterdir()} == {"before", name}
    assert capfd.readouterr().err == ""


def test_a_read_only_folder(writer: tuple[Callable[[Path], None], str], read_only: Path) -> None:
    write, _ = writer
    for path in (read_only / "old", read_only / "new", read_only / "folder" / "new"):
        with pytest.raises(InputError, match=r"cannot write .*: Read-only .* Fix: choose a folder"):
            write(path)
    assert [(file.name, file.read_bytes()) for file in read_only.iterdir()] == [("old", b"old")]


def test_a_limit_of_the_size(tmp_path: Path) -> None:
    """Works without mounts: the system stops the process's files at 10 kB."""
    code = """
import resource, signal, sys
from pathlib import Path
from bnn_lab._files import write_whole
from bnn_lab.errors import InputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_whole(sys.argv[1], bytes(20_000))
except InputError as error:
    print(error)
"""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "File too large. Fix: raise the limit" in done.stdout, done.stderr
    assert path.read_bytes() == b"old" and [file.name for file in tmp_path.iterdir()] == ["x"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(InputError, match=r"Permission denied\. Fix: choose a folder that you may"):
        write_whole(tmp_path / "x", b"")


def test_places_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path, problem in [
        (tmp_path / "file" / "x", r"(File exists|Not a directory)\. Fix: a file stands where"),
        (tmp_path, "Is a directory"),
        (tmp_path / ("n" * 256), r"File name too long\. Fix: choose a shorter name"),
        (f"{tmp_path}/a\0b", "null character"),
    ]:
        with pytest.raises(InputError, match=problem):
            write_whole(path, b"new")
    write_whole(tmp_path / ("n" * 255), b"new")
    write_whole(tmp_path / f"n.{'e' * 250}", b"new")


def test_devices_links_and_modes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="/dev/full: No space left"):
        write_whole("/dev/full", b"x")
    write_whole("/dev/null", b"x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    target = tmp_path / "target"
    target.write_bytes(b"old")
    target.chmod(0o640)
    (tmp_path / "link").symlink_to("target")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError("ours"), RuntimeError("ours")])
def test_errors_of_the_writer_are_its_own(error: type | Exception, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    kind = error if isinstance(error, type) else type(error)
    with pytest.raises(kind), whole_file(path) as part:
        part.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_file_that_was_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"), whole_file(tmp_path / "x"):
        pass


def test_many_writers_at_once(tmp_path: Path) -> None:
    """Whoever reads sees one of the contents, and no leftovers stay."""
    code = """
import sys
from bnn_lab._files import write_whole
for _ in range(40):
    write_whole(sys.argv[1], bytes([int(sys.argv[2])]) * 50_000)
"""
    path = tmp_path / "x"
    write_whole(path, bytes([0]) * 50_000)
    commands = [[sys.executable, "-c", code, str(path), str(i)] for i in range(3)]
    running = [subprocess.Popen(command) for command in commands]
    seen = 0
    while any(process.poll() is None for process in running):
        content = path.read_bytes()
        assert len(content) == 50_000 and len(set(content)) == 1
        seen += 1
    assert seen and not any(process.returncode for process in running)
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_the_old_file(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from bnn_lab._files import locked, whole_file
with locked(Path(sys.argv[1]), "writes"), whole_file(sys.argv[1] + "/x.npz") as part:
    part.write_bytes(b"half")
    print("half", flush=True)
    time.sleep(60)
"""
    path = tmp_path / "x.npz"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"half\n"
        # While it lives, nobody else comes in.
        problem = rf"another process \({process.pid} on .*\) writes in .*Fix: wait"
        with pytest.raises(InputError, match=problem), locked(tmp_path, "writes"):
            pass
        process.kill()
        process.wait()
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 3  # and the lock, and the half
    with locked(tmp_path, "writes"):
        assert {file.name for file in tmp_path.iterdir()} == {"x.npz", LOCK}


def test_a_lock_is_given_back(tmp_path: Path) -> None:
    for _ in range(2):
        with (
            locked(tmp_path, "writes"),
            pytest.raises(InputError, match="another process"),
            locked(tmp_path, "writes"),
        ):
            pass
    with pytest.raises(InputError, match="No such file"), locked(tmp_path / "none", "writes"):
        pass


def test_a_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    """Workers of TensorFlow or dask may outlive the training that started them."""
    with locked(tmp_path, "writes"):
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
    try:
        with locked(tmp_path, "writes"):
            pass
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_folders_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with locked(tmp_path, "writes"):
        write_whole(tmp_path / "x", b"x")
    assert (tmp_path / "x").exists()


# --- arrays --------------------------------------------------------------------------------------

FIELDS = {"name": "U ", "image": "f HWC", "label": "i N", "mask": "b HW", "more": "i NK"}
ARRAYS = {
    "name": np.array("digit"),
    "image": np.zeros((4, 5, 3), np.float32),
    "label": np.arange(7),
    "mask": np.ones((4, 5), bool),
    "more": np.zeros((7, 2), np.int32),
}


def read(path: Path, **sizes: int) -> dict[str, np.ndarray]:
    return read_arrays(path, FIELDS, sizes, what="a test", fix="write it again")


@pytest.mark.parametrize("compress", [True, False])
def test_arrays_are_read_back(compress: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    write_arrays(path, ARRAYS, compress=compress)
    found = read(path, K=2)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
    np.save(tmp_path / "x.npy", ARRAYS["label"])
    (alone,) = read_arrays(tmp_path / "x.npy", None, what="a test", fix="").values()
    np.testing.assert_array_equal(alone, ARRAYS["label"])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"label": np.zeros(7, np.float32)}, "label is float32"),
        ({"label": np.zeros(6, int)}, r"more is int32 of shape \(7, 2\), not kind 'i' of \(6, 2\)"),
        ({"mask": np.ones((5, 4), bool)}, r"mask is bool of shape \(5, 4\)"),
        ({"image": np.zeros((4, 5), np.float32)}, "image is float32 of shape"),
        ({"more": np.zeros((7, 3), int)}, r"not kind 'i' of \(7, 2\)"),
        ({"name": np.array(object())}, "Object arrays cannot be loaded"),
    ],
)
def test_other_arrays(changes: dict[str, np.ndarray], problem: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **{**ARRAYS, **changes})
    with pytest.raises(InputError, match=f"is not a test, or damaged .*{problem}.*write it again"):
        read(tmp_path / "x.npz", K=2)
    np.savez(tmp_path / "less.npz", image=ARRAYS["image"])
    with pytest.raises(InputError, match="name is not a file in the archive"):
        read(tmp_path / "less.npz")


def test_damaged_arrays(tmp_path: Path) -> None:
    """Whatever is damaged: read as it was, or refused."""
    path, random = tmp_path / "x.npz", np.random.default_rng(1)
    write_arrays(path, ARRAYS)
    whole = path.read_bytes()
    damaged = [whole[:end] for end in range(0, len(whole), 37)]
    for _ in range(300):
        content = bytearray(whole)
        for at in random.integers(0, len(whole), random.integers(1, 4)):
            content[at] = random.integers(256)
        damaged.append(bytes(content))
    refused = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            read(path)
        except InputError:
            refused += 1
    assert refused > len(damaged) // 2
    for missing in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(InputError, match=r"cannot read .*: (No such file|Is a directory)"):
            read(missing)


def test_whether_a_file_can_be_written_is_told_beforehand(tmp_path: Path) -> None:
    there = tmp_path / "there.json"
    there.write_text("kept")
    for path in (there, tmp_path / "new" / "file.json", Path("/dev/null")):
        check_writable(path)
    assert there.read_text() == "kept"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["there.json"]
    for path, problem in (
        (tmp_path, "it is a folder. Fix: name a file in it"),
        (there / "file.json", "a file stands where a folder should be"),
        (tmp_path / ("x" * 300), "choose a shorter name"),
        (tmp_path / "a\0b", "null"),
    ):
        with pytest.raises(InputError, match=problem):
            check_writable(path)
