"""Ops whose results nobody reads disappear.

    %unused = op(...)      (stateless, no reader)
=>
    (nothing)
"""

from __future__ import annotations

from typing import Any

from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter
from xdsl.transforms.dead_code_elimination import is_trivially_dead

from bnn_lab.convert.rewrite.base import Fact, Pass, Role


class RemoveDeadOps(Pass):
    """Dead code elimination."""

    name = "remove_dead_ops"
    summary = "stateless ops that nobody reads disappear"
    includes_dead_ops = True
    role = Role.CLEANS
    gives = (Fact.ALL_READ,)

    def check(self, op: Operation) -> bool | None:
        """Match an op without readers and without side effects."""
        return True if is_trivially_dead(op) else None

    def rewrite(self, op: Any, match: bool, rewriter: PatternRewriter) -> str:
        """Erase it."""
        rewriter.erase(op)
        return "nobody reads it"
