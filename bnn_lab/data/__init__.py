"""Images: sets that come with a package, and larger ones for those who have them."""

from bnn_lab.data.cifar10 import load_cifar10, pad_crop_flip
from bnn_lab.data.digits import load_digits
from bnn_lab.data.fashion_mnist import load_fashion_mnist
from bnn_lab.data.imagenet import ImageStream, load_imagenet
from bnn_lab.data.images import ImageData
from bnn_lab.data.mnist5k import load_mnist5k
from bnn_lab.data.named import load_named
from bnn_lab.data.synthetic import load_synthetic

__all__ = [
    "ImageData",
    "ImageStream",
    "load_cifar10",
    "load_digits",
    "load_fashion_mnist",
    "load_imagenet",
    "load_mnist5k",
    "load_named",
    "load_synthetic",
    "pad_crop_flip",
]
