"""`python -m bnn_lab.bench`."""

import sys

from rich.console import Console

from bnn_lab.bench.cli import app
from bnn_lab.errors import BnnLabError

try:
    app(prog_name="python -m bnn_lab.bench")
except BnnLabError as error:
    text = " ".join(str(error).split())
    Console(stderr=True, soft_wrap=True).print(
        f"error: {text}", style="red", markup=False, highlight=False
    )
    sys.exit(1)
