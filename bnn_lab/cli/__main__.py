"""`python -m bnn_lab.cli`: the same as `bnn-lab`."""

from bnn_lab.cli.main import main

main()
