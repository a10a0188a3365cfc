"""`python -m bnn_lab.bench`."""

from bnn_lab.bench.cli import app

app(prog_name="python -m bnn_lab.bench")
