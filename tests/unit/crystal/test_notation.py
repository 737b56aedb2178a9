"""Values with esds say what the numbers say, and no more."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrdfit.crystal import with_esd

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "esd", "text"),
    [
        (10.32897, 0.0007, "10.3290(7)"),
        (9.8102, 0.0152, "9.810(15)"),
        (0.02781, 0.0019, "0.0278(19)"),
        (0.02781, 0.00201, "0.028(2)"),
        (1.0, 0.00196, "1.000(2)"),
        (3130.766, 13.36, "3131(13)"),
        (313076.6, 1336.0, "313100(1300)"),
        (-0.00012, 0.00004, "-0.00012(4)"),
        (0.0002516, 4.38e-05, "0.00025(4)"),
        (0.0, 0.003, "0.000(3)"),
    ],
)
def test_the_esd_is_in_units_of_the_last_digit_up_to_19(value: float, esd: float, text: str) -> None:
    assert with_esd(value, esd) == text


@pytest.mark.parametrize("esd", [NAN, 0.0, -1.0, float("inf")])
def test_a_value_without_an_esd_has_no_brackets(esd: float) -> None:
    assert with_esd(4.05, esd) == "4.05"


def test_what_was_not_measured_is_empty() -> None:
    assert with_esd(NAN, 0.1) == ""


@given(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(1e-9, 1e5, allow_nan=False),
)
def test_value_and_esd_are_those_given_to_half_of_the_last_digit(value: float, esd: float) -> None:
    shown, digits = re.fullmatch(r"(-?[\d.]+)\((\d+)\)", with_esd(value, esd)).groups()
    decimals = len(shown.partition(".")[2])
    unit = 10.0**-decimals
    assert 1 <= int(digits.rstrip("0") or 0) <= 19
    if decimals:
        assert abs(float(shown) - value) <= 0.501 * unit + 1e-9 * abs(value)
        assert abs(int(digits) * unit - esd) <= 0.501 * unit
    else:
        assert int(digits) == pytest.approx(esd, rel=0.26)
        assert abs(float(shown) - value) <= 0.51 * int(digits)
