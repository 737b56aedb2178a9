"""What an expression of a recipe may say: arithmetic. lmfit's interpreter knows more, such as reading files."""

from __future__ import annotations

import ast

FUNCTIONS = frozenset(
    [
        "abs",
        "min",
        "max",
        "sqrt",
        "exp",
        "log",
        "log10",
        "log2",
        "sin",
        "cos",
        "tan",
        "arcsin",
        "arccos",
        "arctan",
        "arctan2",
        "asin",
        "acos",
        "atan",
        "atan2",
        "sinh",
        "cosh",
        "tanh",
        "degrees",
        "radians",
        "deg2rad",
        "rad2deg",
        "hypot",
        "floor",
        "ceil",
        "sign",
        "minimum",
        "maximum",
    ]
)
_LONGEST = 2000
_NODES = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Name,
    ast.Constant,
    ast.Call,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
    ast.expr_context,
)
_SHIFTS = (ast.LShift, ast.RShift, ast.MatMult)


def beyond_arithmetic(expression: str) -> str | None:
    """What stands in an expression beside names, numbers, operators and `FUNCTIONS`; None if nothing does."""
    if len(expression) > _LONGEST:
        return f"{len(expression)} characters against at most {_LONGEST}"
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return f"no expression ({getattr(error, 'msg', None) or type(error).__name__})"
    for node in ast.walk(tree):
        if not isinstance(node, _NODES) or isinstance(node, _SHIFTS):
            return f"{type(node).__name__} against names, numbers and operators"
        if isinstance(node, ast.Constant) and type(node.value) not in (int, float, bool):
            return f"{node.value!r} against a number"
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else "something else"
            if name not in FUNCTIONS or node.keywords:
                return f"a call of {name} against one of {', '.join(sorted(FUNCTIONS))}"
    return None
