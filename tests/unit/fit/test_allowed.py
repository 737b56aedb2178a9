"""Expressions of a recipe are arithmetic and nothing else."""

from __future__ import annotations

import pytest

from xrdfit.fit.allowed import beyond_arithmetic


@pytest.mark.parametrize(
    "expression",
    [
        "LFP_a",
        " 0.5815 * LFP_a ",
        "-LFP_a + 2",
        "sqrt(LFP_a**2 + 1)",
        "max(LFP_a, FP_a)",
        "LFP_a if FP_a > 9 else FP_a",
    ],
)
def test_arithmetic_is_allowed(expression: str) -> None:
    assert beyond_arithmetic(expression) is None


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("open('/etc/passwd')", "a call of open"),
        ("loadtxt('/etc/passwd')", "a call of loadtxt"),
        ("__import__('os').system('id')", "a call of something else"),
        ("().__class__", "Attribute"),
        ("LFP_a.real", "Attribute"),
        ("[x for x in range(10**10)]", "ListComp"),
        ("sum(range(10**10))", "a call of sum"),
        ("ones(10**11)", "a call of ones"),
        ("lambda: 1", "Lambda"),
        ("'a' * 10**10", "'a' against a number"),
        ("1 << 10**10", "against names"),
        ("LFP_a; open('x')", "no expression"),
        ("x = 1", "no expression"),
        ("(" * 5000 + "1" + ")" * 5000, "10001 characters"),
        ("(" * 900 + "1" + ")" * 900, "no expression"),
        ("f'{LFP_a}'", "JoinedStr"),
        ("sqrt(x=1)", "a call of sqrt"),
    ],
)
def test_all_else_is_named_and_not_evaluated(expression: str, said: str) -> None:
    found = beyond_arithmetic(expression)
    assert found is not None and said in found
