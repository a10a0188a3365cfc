"""The `bnn-lab` command: one module for each command."""
