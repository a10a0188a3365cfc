"""Types of the compiled module (native/bindings)."""

from numpy import bool_, float32, int8, int32, uint8
from numpy.typing import NDArray

class NativeBackendError(RuntimeError): ...

def all_backends() -> list[tuple[str, str, str, str, bool, bool]]: ...
def select_backend(name: str) -> str: ...
def cpu_identity() -> tuple[str, str, int, int, int]: ...
def bitpack(
    x: NDArray[float32] | NDArray[int8] | NDArray[bool_], zero_point: int, backend: str
) -> NDArray[int32]: ...
def unpack_f32(x: NDArray[int32], channels: int, backend: str) -> NDArray[float32]: ...
def unpack_i8(
    x: NDArray[int32], channels: int, bit0: int, bit1: int, backend: str
) -> NDArray[int8]: ...
def bmaxpool2d(
    x: NDArray[int32],
    pool_height: int,
    pool_width: int,
    stride_height: int,
    stride_width: int,
    padding: str,
    backend: str,
) -> NDArray[int32]: ...
def repeat_bitpack(x: NDArray[float32], repeats: int, backend: str) -> None: ...
def peak(rounds: int, backend: str) -> int: ...
def core_latency_ns() -> float: ...
def read_memory(bytes: NDArray[uint8]) -> int: ...

class Options:
    def __init__(
        self,
        *,
        channels_in: int,
        stride_height: int,
        stride_width: int,
        dilation_height: int,
        dilation_width: int,
        padding: str,
        pad_values: int,
        groups: int,
        depth_multiplier: int,
        activation: str,
        multiplier: NDArray[float32] | None,
        bias: NDArray[float32] | None,
        threshold: NDArray[int32] | None,
        output: str,
        output_scale: float,
        output_zero_point: int,
        output_activation: str,
        sum_activation: str,
    ) -> None: ...

class BConv2D:
    def __init__(self, filters: NDArray[int32], options: Options, backend: str) -> None: ...
    def run(
        self,
        x: NDArray[int32],
        shortcut: NDArray[float32] | None,
        signs: bool,
        num_threads: int,
    ) -> tuple[NDArray, NDArray[int32] | None]: ...
    def repeat(self, x: NDArray[int32], repeats: int, num_threads: int) -> None: ...
    def macs(self, height: int, width: int) -> int: ...
    @property
    def backend(self) -> str: ...

class BTransposeConv2D:
    def __init__(self, filters: NDArray[int32], options: Options, backend: str) -> None: ...
    def run(
        self, x: NDArray[int32], out_height: int, out_width: int, num_threads: int
    ) -> NDArray: ...
    @property
    def backend(self) -> str: ...

class TernaryDense:
    def __init__(
        self,
        weights: NDArray[uint8],
        channels_in: int,
        trits_per_byte: int,
        scale: float,
        bias: NDArray[float32] | None,
        backend: str,
    ) -> None: ...
    def run(self, x: NDArray[int8] | NDArray[float32], num_threads: int) -> NDArray: ...
    def repeat(self, x: NDArray[float32], repeats: int, num_threads: int) -> None: ...
    @property
    def backend(self) -> str: ...
    @property
    def trits_per_byte(self) -> int: ...
