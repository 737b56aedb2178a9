"""Values with their esds as crystallographers print them."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal

# An esd has two digits up to this number, else one: the rule of 19 of Acta Crystallographica.
_LARGEST = 19


def with_esd(value: float, esd: float) -> str:
    """A value with its esd in units of the last digit.

    Parameters
    ----------
    value, esd : in the same unit; an esd that is NaN or not above 0 is left out.

    Returns
    -------
    str
        Empty for a value that is NaN.

    >>> with_esd(10.32897, 0.0007), with_esd(0.02781, 0.00149), with_esd(3130.77, 133.6), with_esd(4.05, float("nan"))
    ('10.3290(7)', '0.0278(15)', '3130(130)', '4.05')
    """
    if not math.isfinite(value):
        return ""
    if not (math.isfinite(esd) and esd > 0.0):
        return f"{value:.6g}"
    exact = Decimal(repr(float(esd)))
    place = exact.adjusted() - 1
    if _digits(exact, place) > _LARGEST:
        place += 1
    digits = _digits(exact, place)
    rounded = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(min(place, 0)), rounding=ROUND_HALF_EVEN)
    if place > 0:
        rounded = (rounded / 10**place).quantize(Decimal(1), rounding=ROUND_HALF_EVEN) * 10**place
        digits *= 10**place
    return f"{rounded:f}({digits})"


def _digits(esd: Decimal, place: int) -> int:
    """The esd in units of the decimal place ``place``."""
    return int(esd.scaleb(-place).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
