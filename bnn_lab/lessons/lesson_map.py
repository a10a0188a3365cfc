"""The lessons: what each one asks, how long it takes, and which ones help with which."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lesson:
    """One lesson of `notebooks/lessons`.

    Attributes:
        file: name of the notebook.
        title: in few words.
        question: the one it answers.
        minutes: time to read and try it.
        place: x and y on the map.
        helped_by: numbers of the lessons that help with it.
    """

    file: str
    title: str
    question: str
    minutes: int
    place: tuple[float, float]
    helped_by: tuple[int, ...] = ()

    @property
    def number(self) -> int:
        """The first two digits of the file's name."""
        return int(self.file[:2])


LESSONS = (
    Lesson("00_start_here.ipynb", "Start here", "Does all work here?", 10, (0, 0.5)),
    Lesson(
        "01_latent_weights_as_inertia.ipynb",
        "Latent weights as inertia",
        "What is the float behind a binary weight?",
        45,
        (1, 1),
        (0,),
    ),
    Lesson(
        "02_bop_flip_dynamics.ipynb",
        "Bop and flips",
        "When should a weight flip?",
        50,
        (2, 1),
        (1,),
    ),
    Lesson(
        "03_bitpacked_convolution.ipynb",
        "Bitpacked convolution",
        "Why are bits so fast?",
        40,
        (1, 0),
        (0,),
    ),
    Lesson(
        "04_from_training_to_deployment.ipynb",
        "From training to deployment",
        "What happens between Keras and a device?",
        45,
        (2, 0),
        (2, 3),
    ),
    Lesson(
        "05_designing_fast_bnns.ipynb",
        "Designing fast BNNs",
        "Which network is really fast?",
        35,
        (3, 0),
        (4,),
    ),
    Lesson(
        "06_from_bnns_to_one_bit_llms.ipynb",
        "From BNNs to 1-bit LLMs",
        "Is a 1-bit language model a BNN?",
        45,
        (3, 1),
        (2, 4),
    ),
)
