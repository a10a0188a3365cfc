"""Networks: small ones for the lessons, and those of the literature."""

from bnn_lab.models.alexnet import binary_alexnet, dorefanet, xnornet
from bnn_lab.models.binary_resnet20 import binary_resnet20
from bnn_lab.models.binarynet import binarynet, binarynet_small
from bnn_lab.models.birealnet import birealnet, birealnet_small
from bnn_lab.models.densenet import (
    binary_densenet,
    binary_densenet28,
    binary_densenet37,
    binary_densenet37_dilated,
    binary_densenet45,
)
from bnn_lab.models.digits import digits_bnn
from bnn_lab.models.digits_mlp import digits_mlp
from bnn_lab.models.meliusnet import meliusnet22
from bnn_lab.models.published import Counts, count, models_table
from bnn_lab.models.quicknet import quicknet, quicknet_cifar, quicknet_large, quicknet_small
from bnn_lab.models.reactnet import filter_mean_sign, reactnet_a, rprelu, rsign
from bnn_lab.models.real_to_binary import real_to_binary
from bnn_lab.models.registry import NETWORKS, Network, Published, network, networks
from bnn_lab.models.resnet import resnet18, resnet34
from bnn_lab.models.resnet_e import resnet_e18
from bnn_lab.models.weight_quantizers import (
    channel_scale,
    ede_sign,
    libra_sign,
    recu_input_sign,
    recu_sign,
)
from bnn_lab.models.zoo_weights import load_larq_zoo_weights

__all__ = [
    "NETWORKS",
    "Counts",
    "Network",
    "Published",
    "binary_alexnet",
    "binary_densenet",
    "binary_densenet28",
    "binary_densenet37",
    "binary_densenet37_dilated",
    "binary_densenet45",
    "binary_resnet20",
    "binarynet",
    "binarynet_small",
    "birealnet",
    "birealnet_small",
    "channel_scale",
    "count",
    "digits_bnn",
    "digits_mlp",
    "dorefanet",
    "ede_sign",
    "filter_mean_sign",
    "libra_sign",
    "load_larq_zoo_weights",
    "meliusnet22",
    "models_table",
    "network",
    "networks",
    "quicknet",
    "quicknet_cifar",
    "quicknet_large",
    "quicknet_small",
    "reactnet_a",
    "real_to_binary",
    "recu_input_sign",
    "recu_sign",
    "resnet18",
    "resnet34",
    "resnet_e18",
    "rprelu",
    "rsign",
    "xnornet",
]
