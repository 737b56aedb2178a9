"""What a pattern must be before anything is computed from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, PatternHeader
from xrdfit.io.problems import Code, data_error

MINIMUM_POINTS = 10


def rising(two_theta: NDArray[np.float64]) -> slice:
    """The order in which angles ascend: back to front where they descend throughout."""
    falls = two_theta.size > 1 and bool(np.all(np.diff(two_theta) < 0.0))
    return slice(None, None, -1) if falls else slice(None)


def check_two_theta(two_theta: NDArray[np.float64], *, source: str) -> None:
    """Refuse a grid that is too short, not finite, not strictly ascending or beyond 180 deg.

    Raises
    ------
    DataError
        Naming the first point (counted from 1) at which the grid goes wrong.
    """
    if two_theta.size < MINIMUM_POINTS:
        raise data_error(
            Code.TOO_FEW_POINTS,
            "too few points",
            where=source,
            found=f"{two_theta.size} points against at least {MINIMUM_POINTS}",
            todo="check that the export is complete",
        )
    if not np.all(np.isfinite(two_theta)):
        first = int(np.argmin(np.isfinite(two_theta)))
        raise data_error(
            Code.NOT_A_NUMBER,
            "2theta is not a number",
            where=source,
            found=f"{two_theta[first]} at point {first + 1} against a finite angle",
            todo="export the pattern again",
        )
    step = np.diff(two_theta)
    if np.any(step <= 0.0):
        first = int(np.argmax(step <= 0.0))
        if step[first] == 0.0:
            what, todo = "2theta is repeated", "merge or remove the repeated points"
        else:
            what, todo = "2theta steps back", "keep one scan a file, with ascending 2theta"
        raise data_error(
            Code.TWO_THETA_ORDER,
            what,
            where=source,
            found=f"{two_theta[first + 1]:g} after {two_theta[first]:g} deg at point {first + 2} against ascending",
            todo=todo,
        )
    if two_theta[-1] > 180.0:
        raise data_error(
            Code.UNITS,
            "the first column is not 2theta in deg",
            where=source,
            found=f"values up to {two_theta[-1]:g} against at most 180 deg",
            todo="convert the pattern to 2theta in deg",
        )


def _refuse_exchanged(
    two_theta: NDArray[np.float64], intensity: NDArray[np.float64], *, source: str, last: str
) -> None:
    """Refuse angles in no order beside intensities that ascend or descend throughout, as angles do."""
    if two_theta.size < MINIMUM_POINTS or not np.all(np.isfinite(intensity)) or not np.any(np.diff(two_theta) <= 0.0):
        return
    angles = intensity[rising(intensity)]
    if np.all(np.diff(angles) > 0.0) and angles[0] >= 0.0 and angles[-1] <= 180.0:
        raise data_error(
            Code.TWO_THETA_ORDER,
            "2theta and intensity seem to be exchanged",
            where=source,
            found=f"2theta in no order, intensities in that of angles from {angles[0]:g} to {angles[-1]:g}, against "
            "2theta first",
            todo=f'write columns = ["intensity", "two_theta"{last}] under [data] (import: --columns), or correct it',
        )


def usable(
    two_theta: NDArray[np.float64], intensity: NDArray[np.float64], sigma: NDArray[np.float64] | None
) -> NDArray[np.bool_]:
    """Which points may be used: a number at a positive angle, and a positive sigma if there is one."""
    mask = np.isfinite(intensity) & (two_theta > 0.0)
    if sigma is not None:
        mask &= np.isfinite(sigma) & (sigma > 0.0)
    return mask


def checked_pattern(
    two_theta: NDArray[np.float64],
    intensity: NDArray[np.float64],
    sigma: NDArray[np.float64] | None,
    *,
    source: str,
    header: PatternHeader | None = None,
    cut: bool = False,
) -> Pattern:
    """A pattern from the columns of a file, which a person can correct or export again: so every doubt is an error.

    NaN intensities and zero sigmas are masked as long as `MINIMUM_POINTS` remain. Angles that descend throughout are
    turned round, and all else with them. ``cut`` says that the last row may have lost its end: it is masked.

    Raises
    ------
    DataError
        Naming what is wrong and at which point.
    """
    order = rising(two_theta)
    two_theta, intensity = two_theta[order], intensity[order]
    sigma = None if sigma is None else sigma[order]
    _refuse_exchanged(two_theta, intensity, source=source, last="" if sigma is None else ', "sigma"')
    check_two_theta(two_theta, source=source)
    if sigma is not None and np.any(sigma < 0.0):
        first = int(np.argmax(sigma < 0.0))
        raise data_error(
            Code.SIGMA,
            "sigma is negative",
            where=source,
            found=f"{sigma[first]:g} at point {first + 1} against a value >= 0",
            todo='check that the third column is the standard deviation; if not, write columns = ["two_theta", '
            '"intensity"] under [data] (import: --columns)',
        )
    mask = usable(two_theta, intensity, sigma)
    if int(mask.sum()) < MINIMUM_POINTS:
        raise data_error(
            Code.TOO_FEW_POINTS,
            "too few usable points",
            where=source,
            found=f"{int(mask.sum())} of {mask.size} points are usable against at least {MINIMUM_POINTS}",
            todo="export the pattern again, or leave the file out",
        )
    if cut:
        mask[0 if order.step else -1] = False
    # Contiguous, because compiled code is specialised on the memory layout of what it is given.
    return Pattern(
        two_theta=np.ascontiguousarray(two_theta),
        intensity=np.ascontiguousarray(intensity),
        sigma=None if sigma is None else np.ascontiguousarray(sigma),
        mask=mask,
        source=source,
        header=header,
    )
