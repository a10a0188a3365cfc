"""Small binary networks in PyTorch, in the spellings of published code.

    python tests/convert/torch_networks.py

writes `torch_files/`: what litert-torch exports of each, and torch's own outputs. With them the
passes are tested on such files where torch is not installed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FOLDER = Path(__file__).parent / "torch_files"
IMAGE = (1, 3, 6, 6)
CHANNELS = 8
SAMPLES = 8


class SteSign(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Any) -> Any:
        context.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(context: Any, gradient: Any) -> Any:
        (x,) = context.saved_tensors
        return gradient * (x.abs() <= 1)


class PlainSign(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Any) -> Any:
        return torch.sign(x)

    @staticmethod
    def backward(context: Any, gradient: Any) -> Any:
        return gradient


def like(x: Any) -> Any:
    return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))


def detached(x: Any) -> Any:
    clipped = F.hardtanh(x)
    return (torch.where(x >= 0, 1.0, -1.0) - clipped).detach() + clipped


def two_signs(x: Any) -> Any:
    return torch.sign(torch.sign(x) + 0.5)


def repaired(x: Any) -> Any:
    sign = torch.sign(x)
    return torch.where(sign == 0, torch.ones_like(sign), sign)


def of_truth(x: Any) -> Any:
    return (x >= 0).float() * 2 - 1


def rounded(x: Any) -> Any:
    return torch.where(torch.clamp((x + 1) / 2, 0, 1) >= 0.5, 1.0, -1.0)


def by_mean(weight: Any, sign: Any) -> Any:
    """XNOR-Net: signs, scaled by the mean magnitude of each output channel."""
    return sign(weight) * weight.abs().mean((1, 2, 3), keepdim=True)


def of_layer(weight: Any, sign: Any) -> Any:
    return sign(weight) * weight.abs().mean()


def balanced(weight: Any, sign: Any) -> Any:
    """IR-Net: signs of standardised weights, scaled by a power of two."""
    flat = weight.flatten(1)
    centred = weight - flat.mean(1).view(-1, 1, 1, 1)
    centred = centred / centred.flatten(1).std(1).view(-1, 1, 1, 1)
    power = torch.round(torch.log2(centred.abs().flatten(1).mean(1)))
    return sign(centred) * torch.pow(2.0, power).view(-1, 1, 1, 1)


def detour(weight: Any, sign: Any) -> Any:
    """ReActNet: scaled signs, straight through by a detour that rounds."""
    scaled = weight.abs().mean((1, 2, 3), keepdim=True).detach() * torch.sign(weight)
    clipped = torch.clamp(weight, -1.0, 1.0)
    return scaled.detach() - clipped.detach() + clipped


def plain(weight: Any, sign: Any) -> Any:
    return sign(weight)


class BinaryConv(nn.Conv2d):
    """A convolution that is binary in `forward`."""

    def __init__(self, stride: int, sign: Any, kernel: Any, of_input: bool) -> None:
        super().__init__(CHANNELS, CHANNELS, 3, stride, padding=1, bias=False)
        self.sign, self.kernel, self.of_input = sign, kernel, of_input

    def forward(self, x: Any) -> Any:
        given = self.sign(x) if self.of_input else x
        weight = self.kernel(self.weight, self.sign)
        return F.conv2d(given, weight, None, self.stride, self.padding)


class Block(nn.Module):
    """A binary convolution, batch normalization and perhaps a shortcut."""

    def __init__(self, stride: int, shortcut: bool, **how: Any) -> None:
        super().__init__()
        self.conv = BinaryConv(stride, **how)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.shortcut = shortcut

    def forward(self, x: Any) -> Any:
        found = self.norm(self.conv(x))
        return found + x if self.shortcut else found


class Net(nn.Module):
    """Stem, two binary blocks with pooling between them, a float head."""

    def __init__(
        self,
        sign: Any = SteSign.apply,
        kernel: Any = plain,
        of_input: bool = True,
        shortcut: bool = False,
        stride: int = 1,
    ) -> None:
        super().__init__()
        how = {"sign": sign, "kernel": kernel, "of_input": of_input}
        self.stem = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.body = nn.Sequential(
            Block(1, shortcut, **how), nn.MaxPool2d(2), Block(stride, shortcut, **how)
        )
        self.head = nn.Linear(CHANNELS, 4)

    def forward(self, x: Any) -> Any:
        return self.head(self.body(self.stem(x)).mean((2, 3)))


class Dense(nn.Module):
    """Flattened images into two binary dense layers, whose weights are parameters of the net."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, CHANNELS, 3)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.first = nn.Parameter(torch.randn(32, CHANNELS * 16))
        self.middle = nn.BatchNorm1d(32)
        self.second = nn.Parameter(torch.randn(4, 32))

    def forward(self, x: Any) -> Any:
        flat = self.norm(self.stem(x)).flatten(1)
        hidden = F.linear(SteSign.apply(flat), SteSign.apply(self.first))
        return F.linear(SteSign.apply(self.middle(hidden)), SteSign.apply(self.second))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "where": Net,
    "where_like": lambda: Net(like),
    "detached": lambda: Net(detached),
    "two_signs": lambda: Net(two_signs),
    "repaired": lambda: Net(repaired),
    "of_truth": lambda: Net(of_truth),
    "rounded": lambda: Net(rounded),
    "xnor_net": lambda: Net(kernel=by_mean),
    "layer_scale": lambda: Net(kernel=of_layer),
    "ir_net": lambda: Net(kernel=balanced),
    "reactnet": lambda: Net(kernel=detour, shortcut=True),
    "strided": lambda: Net(stride=2),
    "dense": Dense,
    "plain_sign": lambda: Net(PlainSign.apply),
    "binary_connect": lambda: Net(of_input=False),
}


def network(name: str) -> nn.Module:
    """A network with statistics as after training, in evaluation mode."""
    torch.manual_seed(7)
    made = NETWORKS[name]()
    for part in made.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(part.running_mean)
            nn.init.uniform_(part.running_var, 0.5, 2.0)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias)
    return made.eval()


def images() -> Any:
    return torch.randn(SAMPLES, *IMAGE[1:], generator=torch.Generator().manual_seed(1))


def main() -> None:
    from bnn_lab.convert.torch_modules import export_float

    FOLDER.mkdir(exist_ok=True)
    outputs = {}
    for name in NETWORKS:
        made = network(name)
        (FOLDER / f"{name}.tflite").write_bytes(export_float(made, torch.zeros(IMAGE)))
        outputs[name] = made(images()).detach().numpy()
    np.savez(FOLDER / "outputs.npz", images=images().numpy(), **outputs)


if __name__ == "__main__":
    main()
