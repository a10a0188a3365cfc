"""Instant checks of the lessons' exercises, one module a topic.

A `review_*` function tries a student's answer on fixed cases and returns a `Feedback`; the
`check_*` function beside it prints that. A wrong answer gets a hint that fits the mistake, never a
traceback.
"""

from bnn_lab.lab.exercises.bits import check_binary_dot, review_binary_dot
from bnn_lab.lab.exercises.bop import (
    bop_paths,
    check_bop_step,
    check_flip_measure,
    check_flip_step,
    check_gamma_and_tau,
    review_bop_step,
    review_flip_measure,
    review_flip_step,
    review_gamma_and_tau,
)
from bnn_lab.lab.exercises.conversion import (
    check_binary_layers,
    check_speed_limit,
    check_threshold,
    review_binary_layers,
    review_speed_limit,
    review_threshold,
    threshold_picture,
)
from bnn_lab.lab.exercises.feedback import Feedback
from bnn_lab.lab.exercises.inertia import (
    check_latent_step,
    check_scaled_settings,
    check_steps_to_flip,
    latent_paths,
    review_latent_step,
    review_scaled_settings,
    review_steps_to_flip,
)
from bnn_lab.lab.exercises.packing import (
    check_attainable,
    check_pack_word,
    check_zero_padded,
    packing_picture,
    padding_picture,
    review_attainable,
    review_pack_word,
    review_zero_padded,
)

__all__ = [
    "Feedback",
    "bop_paths",
    "check_attainable",
    "check_binary_dot",
    "check_binary_layers",
    "check_bop_step",
    "check_flip_measure",
    "check_flip_step",
    "check_gamma_and_tau",
    "check_latent_step",
    "check_pack_word",
    "check_scaled_settings",
    "check_speed_limit",
    "check_steps_to_flip",
    "check_threshold",
    "check_zero_padded",
    "latent_paths",
    "packing_picture",
    "padding_picture",
    "review_attainable",
    "review_binary_dot",
    "review_binary_layers",
    "review_bop_step",
    "review_flip_measure",
    "review_flip_step",
    "review_gamma_and_tau",
    "review_latent_step",
    "review_pack_word",
    "review_scaled_settings",
    "review_speed_limit",
    "review_steps_to_flip",
    "review_threshold",
    "review_zero_padded",
    "threshold_picture",
]
