"""`python -m bnn_lab.course`: the same as `bnn-lab course`."""

from bnn_lab.course.cli import main

main()
