"""Data sets: two that need no download, and CIFAR-10 and ImageNet for those who have them."""

from bnn_lab.data.cifar10 import load_cifar10, pad_crop_flip
from bnn_lab.data.digits import Digits, load_digits
from bnn_lab.data.imagenet import ImageStream, load_imagenet
from bnn_lab.data.images import ImageData
from bnn_lab.data.synthetic import load_synthetic

__all__ = [
    "Digits",
    "ImageData",
    "ImageStream",
    "load_cifar10",
    "load_digits",
    "load_imagenet",
    "load_synthetic",
    "pad_crop_flip",
]
