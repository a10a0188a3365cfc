"""Exercises for a class: what a notebook's checks call, and the tools of `bnn-lab course`.

The tools drive nbgrader's own commands with nbgrader's own configuration; see docs/teach.md.
"""
