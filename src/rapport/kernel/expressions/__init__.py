"""Expressions: CEL over what is known of one customer, as far as the purpose permits.

In come the text of an expression and one customer's `Facts`; out come a `Result` (a value, unknown, or an error), what
the result depends on, when time alone will change it, and why it is what it is. What always holds: nothing that a
person can write or a source can send makes it crash or run long; what is withheld is as if it had never been; and
nothing outside an expression's dependencies changes its result.
"""

from rapport.kernel.expressions.completing import Completion, complete, written
from rapport.kernel.expressions.expression import (
    UNKNOWN,
    Expression,
    Result,
    Why,
    compile_expression,
    first_change,
    review,
)
from rapport.kernel.expressions.facts import ANY_EVENT, NOTHING, UNTIMED, Dependencies, Facts, Series
from rapport.kernel.expressions.functions import FUNCTIONS, ROOTS, Function
from rapport.kernel.expressions.kinds import Kind, Schema, kind_of
from rapport.kernel.expressions.problems import ExpressionError, Problem
from rapport.kernel.expressions.terms import quoted

__all__ = [
    "ANY_EVENT",
    "FUNCTIONS",
    "NOTHING",
    "ROOTS",
    "UNKNOWN",
    "UNTIMED",
    "Completion",
    "Dependencies",
    "Expression",
    "ExpressionError",
    "Facts",
    "Function",
    "Kind",
    "Problem",
    "Result",
    "Schema",
    "Series",
    "Why",
    "compile_expression",
    "complete",
    "first_change",
    "kind_of",
    "quoted",
    "review",
    "written",
]
