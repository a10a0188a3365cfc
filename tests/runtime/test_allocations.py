"""Running a model allocates no memory: all of it is planned when the model is loaded or resized."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bnn_lab import kernels, reference

# Counts what one library asks for: calls that return to its code. Python and LiteRT allocate too.
COUNTER = """
#include <stddef.h>
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
long allocations = 0;
size_t low = 0, high = 0;
#define COUNT() do { \\
    const size_t caller = (size_t)__builtin_return_address(0); \\
    if (caller >= low && caller < high) __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED); \\
  } while (0)
void* malloc(size_t n) { COUNT(); return __libc_malloc(n); }
void* calloc(size_t n, size_t m) { COUNT(); return __libc_calloc(n, m); }
void* realloc(void* p, size_t n) { COUNT(); return __libc_realloc(p, n); }
void* aligned_alloc(size_t a, size_t n) { COUNT(); return __libc_memalign(a, n); }
// operator new, new[], and both with an alignment
void* _Znwm(size_t n) { COUNT(); return __libc_malloc(n); }
void* _Znam(size_t n) { COUNT(); return __libc_malloc(n); }
void* _ZnwmSt11align_val_t(size_t n, size_t a) { COUNT(); return __libc_memalign(a, n); }
void* _ZnamSt11align_val_t(size_t n, size_t a) { COUNT(); return __libc_memalign(a, n); }
}
"""

RUN = """
import ctypes, sys
import bnn_lab
from ai_edge_litert.interpreter import Interpreter

path, backend, fuse, threads = sys.argv[1:]
litert = Interpreter(
    model_path=path, num_threads=int(threads),
    experimental_delegates=[bnn_lab.load_delegate(backend=backend, fuse=fuse == "1")],
)
library = ctypes.CDLL(None)
name = str(bnn_lab.runtime.delegate_path().resolve())
ranges = [line.split()[0] for line in open("/proc/self/maps") if line.strip().endswith(name)]
ends = [int(end, 16) for span in ranges for end in span.split("-")]
ctypes.c_size_t.in_dll(library, "low").value = min(ends)
ctypes.c_size_t.in_dll(library, "high").value = max(ends)
counter = ctypes.c_long.in_dll(library, "allocations")
source = litert.get_input_details()[0]
for size in ([1, 6, 5], [3, 20, 21]):
    litert.resize_tensor_input(source["index"], [*size, source["shape"][3]])
    before = counter.value
    litert.allocate_tensors()
    planned = counter.value
    assert planned > before, "the counter sees nothing"
    for _ in range(20):
        litert.invoke()
    print(counter.value - planned)
"""


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("needs a C++ compiler and glibc")
    directory = tmp_path_factory.mktemp("counter")
    source, library = directory / "counter.cc", directory / "counter.so"
    source.write_text(COUNTER)
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", library, source]
    subprocess.run([str(part) for part in command], check=True)
    return library


@pytest.fixture(scope="module")
def model(build_model, specs, conv_fields, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three residual blocks."""
    tensor, op = specs
    rng = np.random.default_rng(0)
    shape, channels = (1, 6, 5), 64
    tensors = {"x": tensor((*shape, channels))}
    ops = []
    x = "x"
    for i in range(3):
        tensors[f"q{i}"] = tensor((*shape, 2), "int32")
        filters = reference.pack_bits(rng.random((channels, 3, 3, channels)) < 0.5)
        tensors[f"f{i}"] = tensor.constant(filters)
        for name in ("m", "b"):
            values = rng.normal(size=channels).astype(np.float32)
            tensors[f"{name}{i}"] = tensor.constant(values)
        for name in ("c", "s"):
            tensors[f"{name}{i}"] = tensor((*shape, channels))
        ops.append(op("LceQuantize", [x], [f"q{i}"]))
        fields = {**conv_fields, "channels_in": channels, "pad_values": i % 2}
        operands = [f"q{i}", f"f{i}", f"m{i}", f"b{i}", None]
        ops.append(op("LceBconv2d", operands, [f"c{i}"], fields))
        ops.append(op("ADD", [x, f"c{i}"], [f"s{i}"]))
        x = f"s{i}"
    path = tmp_path_factory.mktemp("model") / "model.tflite"
    path.write_bytes(build_model(tensors, ops, ["x"], [x]))
    return path


@pytest.mark.parametrize("fuse", ["1", "0"])
@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("backend", kernels.available_backends())
def test_no_allocation(counter: Path, model: Path, backend, threads, fuse) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(model), backend, fuse, threads],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "LD_PRELOAD": str(counter)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["0", "0"]
