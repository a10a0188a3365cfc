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

__all__ = [
    "Feedback",
    "bop_paths",
    "check_binary_dot",
    "check_bop_step",
    "check_flip_measure",
    "check_flip_step",
    "check_gamma_and_tau",
    "check_latent_step",
    "check_scaled_settings",
    "check_steps_to_flip",
    "latent_paths",
    "review_binary_dot",
    "review_bop_step",
    "review_flip_measure",
    "review_flip_step",
    "review_gamma_and_tau",
    "review_latent_step",
    "review_scaled_settings",
    "review_steps_to_flip",
]
