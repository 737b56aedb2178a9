"""Where each line stands and how wide it is, and how both answer to the parameters."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.jit import inlined_kernel, kernel, lean_kernel
from xrdfit.kernels.problem import Problem, n_line_slots
from xrdfit.kernels.rows import first_from

_DEG = 180.0 / math.pi
# Smallest Gaussian FWHM squared, deg^2, of an instrument without any width of its own.
_LEAST_GAUSS_SQUARED = 1e-8
# Where v takes away all but this part of u tan^2 + w, the polynomial goes over into an exponential above zero:
# a fit that tries such values must see a real width and a slope. No instrument has such a resolution.
_LEAST_PART = 0.05
# The same for Stephens' variance, against the sum of its terms without their signs; and its root (FWHM in rad over
# tan(theta)) below which there is no strain to speak of.
_LEAST_VARIANCE = 0.01
_LEAST_STRAIN = 1e-5
_PER_UNIT = 1e-8
# Where a line goes that the wavelength cannot reach, deg: outside every pattern.
UNREACHABLE = 1e6


@lean_kernel
def _cosine_and_sine(angle: float) -> tuple[float, float]:
    """Of an angle in deg. A right angle is exact: its cosine in floating point would tie b and c at the 1e-17 level."""
    if angle == 90.0:
        return 0.0, 1.0
    return math.cos(angle / _DEG), math.sin(angle / _DEG)


@lean_kernel
def inverse_d_squared(
    cell: NDArray[np.float64],
    h: float,
    k: float,
    l: float,  # noqa: E741
    gradient: NDArray[np.float64],
) -> float:
    """``1 / d^2`` (1/angstrom^2) of a reflection and its derivatives with respect to a b c alpha beta gamma (deg)."""
    a, b, c = cell[0], cell[1], cell[2]
    cos_al, sin_al = _cosine_and_sine(cell[3])
    cos_be, sin_be = _cosine_and_sine(cell[4])
    cos_ga, sin_ga = _cosine_and_sine(cell[5])
    m11, m22, m33 = a * a, b * b, c * c
    m12, m13, m23 = a * b * cos_ga, a * c * cos_be, b * c * cos_al
    c11, c22, c33 = m22 * m33 - m23 * m23, m11 * m33 - m13 * m13, m11 * m22 - m12 * m12
    c12, c13, c23 = m13 * m23 - m12 * m33, m12 * m23 - m13 * m22, m12 * m13 - m11 * m23
    determinant = m11 * c11 + m12 * c12 + m13 * c13
    v1 = (c11 * h + c12 * k + c13 * l) / determinant
    v2 = (c12 * h + c22 * k + c23 * l) / determinant
    v3 = (c13 * h + c23 * k + c33 * l) / determinant
    # d(1/d^2) = -v^T dG v with v = G^-1 hkl.
    gradient[0] = -2.0 * v1 * (a * v1 + b * cos_ga * v2 + c * cos_be * v3)
    gradient[1] = -2.0 * v2 * (a * cos_ga * v1 + b * v2 + c * cos_al * v3)
    gradient[2] = -2.0 * v3 * (a * cos_be * v1 + b * cos_al * v2 + c * v3)
    gradient[3] = 2.0 * v2 * v3 * b * c * sin_al / _DEG
    gradient[4] = 2.0 * v1 * v3 * a * c * sin_be / _DEG
    gradient[5] = 2.0 * v1 * v2 * a * b * sin_ga / _DEG
    return h * v1 + k * v2 + l * v3


@lean_kernel
def caglioti(u: float, v: float, w: float, tangent: float) -> tuple[float, float, float, float, float]:
    """``u tan^2 + v tan + w`` (deg^2) kept positive, and its derivatives with respect to u, v, w and the tangent.

    Caglioti, Paoletti & Ricci (1958), doi:10.1016/0369-643X(58)90029-X.
    """
    square = tangent * tangent
    polynomial = square * u + tangent * v + w
    without_v = square * abs(u) + abs(w)
    if polynomial >= _LEAST_PART * without_v:
        return polynomial, square, tangent, 1.0, 2.0 * u * tangent + v
    # Value and slope go on smoothly from the polynomial's.
    value = _LEAST_PART * without_v * math.exp(polynomial / (_LEAST_PART * without_v) - 1.0)
    slope = value / (_LEAST_PART * without_v)
    by_without = slope * (_LEAST_PART - polynomial / without_v)
    by_u = square * (slope + by_without * (1.0 if u >= 0.0 else -1.0))
    by_w = slope + by_without * (1.0 if w >= 0.0 else -1.0)
    return value, by_u, slope * tangent, by_w, slope * (2.0 * u * tangent + v) + by_without * 2.0 * abs(u) * tangent


@lean_kernel
def stephens_width(
    terms: NDArray[np.float64], products: NDArray[np.float64], inverse: float, by_term: NDArray[np.float64]
) -> tuple[float, float]:
    """Lorentzian FWHM (deg) over tan(theta) by anisotropic strain, and its derivative with respect to 1/d^2.

    Stephens (1999), doi:10.1107/S0021889898006001: ``sqrt(sum S_HKL h^H k^K l^L) / (1/d^2)``. The sum is kept positive.

    Parameters
    ----------
    terms, products : (15,) S_HKL in 1e-8 / angstrom^4, and h^H k^K l^L. inverse : 1/d^2, 1/angstrom^2.
    by_term : (15,) derivatives with respect to the terms, overwritten.
    """
    variance, without_signs = 0.0, 0.0
    for i in range(terms.size):
        part = _PER_UNIT * terms[i] * products[i]
        variance += part
        without_signs += abs(part)
    # Value and slope go on smoothly from the sum's.
    least = _LEAST_VARIANCE * without_signs + (_LEAST_STRAIN * inverse) ** 2
    value, slope, by_least = variance, 1.0, 0.0
    if variance < least:
        value = least * math.exp(variance / least - 1.0)
        slope = value / least
        by_least = slope * (1.0 - variance / least)
    root = math.sqrt(value)
    half = 0.5 * _DEG / (root * inverse)
    for i in range(terms.size):
        sign = 1.0 if terms[i] >= 0.0 else -1.0
        product = _PER_UNIT * products[i]
        by_term[i] = half * (slope * product + by_least * _LEAST_VARIANCE * sign * abs(product))
    by_inverse = half * by_least * 2.0 * _LEAST_STRAIN**2 * inverse
    return _DEG * root / inverse, by_inverse - _DEG * root / (inverse * inverse)


@lean_kernel
def slot_kind(index: int) -> int:
    """What a global or phase slot (phase slots counted on from N_GLOBAL) acts on."""
    if index <= slot.CAPILLARY_PERPENDICULAR:
        return slot.ON_POSITION
    if index <= slot.CAGLIOTI_W:
        return slot.ON_GAUSS
    if index <= slot.INSTRUMENT_LORENTZ_STRAIN:
        return slot.ON_LORENTZ
    if index == slot.AXIAL_SAMPLE:
        return slot.ON_AXIAL_SAMPLE
    if index == slot.AXIAL_DETECTOR:
        return slot.ON_AXIAL_DETECTOR
    if index == slot.AXIAL_SOLLER:
        return slot.ON_SOLLER
    if index == slot.EQUATORIAL_DIVERGENCE:
        return slot.ON_DIVERGENCE
    if index < slot.N_GLOBAL:
        return slot.ON_WEIGHT
    if index < slot.N_GLOBAL + slot.LORENTZ_SIZE:
        return slot.ON_THETA
    if index == slot.N_GLOBAL + slot.GAUSS_STRAIN:
        return slot.ON_GAUSS
    if index == slot.N_GLOBAL + slot.DISPLACEMENT:
        return slot.ON_POSITION
    return slot.ON_LORENTZ


@kernel
def place_lines(
    problem: Problem,
    slots: NDArray[np.float64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    by_theta: NDArray[np.float64],
    by_slot: NDArray[np.float64],
) -> None:
    """Position and widths (deg) of every line at every wavelength, and their derivatives.

    Parameters
    ----------
    slots : the parameter vector.
    position, gauss, lorentz : (m, n_lines) outputs; an unreachable line is placed at `UNREACHABLE`.
    by_theta : (m, n_lines, 3) derivatives of position, gauss, lorentz with respect to the Bragg angle (deg/rad).
    by_slot : (m, n_lines, `n_line_slots`) derivative of what each slot acts on: of the Bragg angle (rad) for cell
        slots, of position, gauss or lorentz (deg) for the others.
    """
    gradient = np.empty(6)
    by_term = np.zeros(slot.AXIS_SIZE - slot.STEPHENS)
    _place(problem, slots, gradient, by_term, position, gauss, lorentz, by_theta, by_slot)


@lean_kernel
def _place(
    problem: Problem,
    slots: NDArray[np.float64],
    gradient: NDArray[np.float64],
    by_term: NDArray[np.float64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    by_theta: NDArray[np.float64],
    by_slot: NDArray[np.float64],
) -> None:
    """The same; gradient (6,) and by_term (15,) are scratch."""
    anisotropic = problem.anisotropy.shape[0] > 0
    n_products = slot.AXIS_SIZE - slot.STEPHENS
    zero = slots[slot.ZERO_SHIFT]
    transparency = slots[slot.TRANSPARENCY]
    perpendicular = slots[slot.CAPILLARY_PERPENDICULAR]
    u, v, w = slots[slot.CAGLIOTI_U], slots[slot.CAGLIOTI_V], slots[slot.CAGLIOTI_W]
    per_radius = _DEG / problem.radius
    for line in range(problem.hkl.shape[0]):
        base = slot.N_GLOBAL + slot.N_PHASE * problem.phase[line]
        size = slots[base + slot.LORENTZ_SIZE] + slots[slot.INSTRUMENT_LORENTZ_SIZE]
        strain = slots[base + slot.LORENTZ_STRAIN] + slots[slot.INSTRUMENT_LORENTZ_STRAIN]
        gauss_strain = slots[base + slot.GAUSS_STRAIN]
        displacement = slots[slot.SAMPLE_DISPLACEMENT] + slots[base + slot.DISPLACEMENT]
        parallel = slots[slot.CAPILLARY_PARALLEL] + slots[base + slot.DISPLACEMENT]
        hkl = problem.hkl[line]
        q = inverse_d_squared(slots[base : base + 6], hkl[0], hkl[1], hkl[2], gradient)
        strain_by_q = 0.0
        if anisotropic:
            form = problem.anisotropy[line]
            for i in range(n_products, form.size):
                size += form[i] * slots[base + slot.STEPHENS + i]
            by_term[:] = 0.0
            largest = 0.0
            for i in range(n_products):
                largest = max(largest, abs(form[i]))
            if largest > 0.0:
                terms = slots[base + slot.STEPHENS : base + slot.AXIS_SIZE]
                extra, strain_by_q = stephens_width(terms, form[:n_products], q, by_term)
                strain += extra
        for e in range(problem.wavelength.size):
            sine = 0.5 * problem.wavelength[e] * math.sqrt(q)
            derivative = by_slot[line, e]
            if not sine < 1.0:
                position[line, e] = UNREACHABLE
                gauss[line, e] = 0.1
                lorentz[line, e] = 0.1
                by_theta[line, e, :] = 0.0
                derivative[:] = 0.0
                continue
            theta = math.asin(sine)
            cosine = math.sqrt(1.0 - sine * sine)
            tangent = sine / cosine
            sine2, cosine2 = 2.0 * sine * cosine, 1.0 - 2.0 * sine * sine
            for j in range(6):
                derivative[slot.N_GLOBAL + j] = 0.5 * tangent / q * gradient[j]
            derivative[slot.ZERO_SHIFT] = 1.0
            derivative[slot.AXIAL_SAMPLE] = 1.0
            derivative[slot.AXIAL_DETECTOR] = 1.0
            derivative[slot.AXIAL_SOLLER] = 1.0
            derivative[slot.EQUATORIAL_DIVERGENCE] = 1.0
            for index in range(slot.K_BETA_WEIGHT, slot.N_GLOBAL):
                derivative[index] = 1.0 if problem.weight_slot[e] == index else 0.0
            if problem.geometry == slot.BRAGG_BRENTANO:
                shift = -2.0 * displacement * per_radius * cosine - transparency * sine2
                by_theta[line, e, 0] = (
                    2.0 * _DEG + 2.0 * displacement * per_radius * sine - 2.0 * transparency * cosine2
                )
                derivative[slot.SAMPLE_DISPLACEMENT] = -2.0 * per_radius * cosine
                derivative[slot.N_GLOBAL + slot.DISPLACEMENT] = -2.0 * per_radius * cosine
                derivative[slot.TRANSPARENCY] = -sine2
                derivative[slot.CAPILLARY_PARALLEL] = 0.0
                derivative[slot.CAPILLARY_PERPENDICULAR] = 0.0
            else:
                shift = per_radius * (perpendicular * cosine2 - parallel * sine2)
                by_theta[line, e, 0] = 2.0 * _DEG - 2.0 * per_radius * (perpendicular * sine2 + parallel * cosine2)
                derivative[slot.SAMPLE_DISPLACEMENT] = 0.0
                derivative[slot.TRANSPARENCY] = 0.0
                derivative[slot.CAPILLARY_PARALLEL] = -per_radius * sine2
                derivative[slot.N_GLOBAL + slot.DISPLACEMENT] = -per_radius * sine2
                derivative[slot.CAPILLARY_PERPENDICULAR] = per_radius * cosine2
            position[line, e] = 2.0 * theta * _DEG + zero + shift

            broad = gauss_strain * tangent
            instrumental, by_u, by_v, by_w, by_tangent = caglioti(u, v, w, tangent)
            squared = instrumental + broad * broad
            dtangent = 1.0 / (cosine * cosine)
            if squared > _LEAST_GAUSS_SQUARED:
                width = math.sqrt(squared)
                half = 0.5 / width
                by_theta[line, e, 1] = half * dtangent * (by_tangent + 2.0 * gauss_strain * broad)
                derivative[slot.CAGLIOTI_U] = half * by_u
                derivative[slot.CAGLIOTI_V] = half * by_v
                derivative[slot.CAGLIOTI_W] = half * by_w
                derivative[slot.N_GLOBAL + slot.GAUSS_STRAIN] = broad * tangent / width
            else:
                width = math.sqrt(_LEAST_GAUSS_SQUARED)
                by_theta[line, e, 1] = 0.0
                derivative[slot.CAGLIOTI_U] = 0.0
                derivative[slot.CAGLIOTI_V] = 0.0
                derivative[slot.CAGLIOTI_W] = 0.0
                derivative[slot.N_GLOBAL + slot.GAUSS_STRAIN] = 0.0
            gauss[line, e] = width
            lorentzian = size / cosine + strain * tangent
            # At zero the slope is the one towards wider lines; below zero there is none.
            alive = 1.0 if lorentzian >= 0.0 else 0.0
            natural = 2.0 * _DEG * problem.natural_width[e] / problem.wavelength[e]
            lorentz[line, e] = alive * lorentzian + natural * tangent
            by_theta[line, e, 2] = (alive * (size * sine + strain) + natural) * dtangent
            if anisotropic:
                # At a wavelength, 1/d^2 goes with the square of sin(theta).
                by_theta[line, e, 2] += alive * 2.0 * q * strain_by_q
                first = slot.N_GLOBAL + slot.STEPHENS
                for i in range(n_products):
                    derivative[first + i] = alive * tangent * by_term[i]
                for i in range(n_products, problem.anisotropy.shape[1]):
                    derivative[first + i] = alive * problem.anisotropy[line, i] / cosine
            derivative[slot.INSTRUMENT_LORENTZ_SIZE] = alive / cosine
            derivative[slot.INSTRUMENT_LORENTZ_STRAIN] = alive * tangent
            derivative[slot.N_GLOBAL + slot.LORENTZ_SIZE] = alive / cosine
            derivative[slot.N_GLOBAL + slot.LORENTZ_STRAIN] = alive * tangent


@inlined_kernel
def _reaches(two_theta: NDArray[np.float64], position: float, reach: float) -> bool:
    """Whether a point (n,) lies within reach of a position, deg."""
    place = first_from(two_theta, position)
    left = abs(two_theta[max(place - 1, 0)] - position)
    right = abs(two_theta[min(place, two_theta.size - 1)] - position)
    return min(left, right) <= reach


@kernel
def lines_in_pattern(
    problem: Problem,
    slots: NDArray[np.float64],
    two_theta: NDArray[np.float64],
    d_min: float,
    d_max: float,
    n_own: int,
    reach: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which of the lines of a problem are in a pattern.

    Parameters
    ----------
    two_theta : (n,) deg, the points. d_min, d_max : angstrom, limits between which d must lie.
    n_own : the source's own wavelengths, which come first; contaminating ones do not count.
    reach : gauss + lorentz of a line times this is how far from a point its centre may stand.

    Returns
    -------
    Rows of the lines, and their 1/d^2 (1/angstrom^2).
    """
    m, n_lines = problem.hkl.shape[0], problem.wavelength.size
    position, gauss, lorentz = np.empty((m, n_lines)), np.empty((m, n_lines)), np.empty((m, n_lines))
    by_theta, by_slot = np.zeros((m, n_lines, 3)), np.zeros((m, n_lines, n_line_slots(problem)))
    place_lines(problem, slots, position, gauss, lorentz, by_theta, by_slot)
    inverse, chosen = np.empty(m), np.empty(m, dtype=np.int64)
    least, most = 1.0 / (d_max * d_max), 1.0 / (d_min * d_min)
    gradient = np.empty(6)
    count = 0
    for row in range(m):
        base = slot.N_GLOBAL + slot.N_PHASE * problem.phase[row]
        hkl = problem.hkl[row]
        here = inverse_d_squared(slots[base : base + 6], hkl[0], hkl[1], hkl[2], gradient)
        near = False
        for e in range(n_own):
            near = near or _reaches(two_theta, position[row, e], reach * (gauss[row, e] + lorentz[row, e]))
        if near and least <= here <= most:
            chosen[count], inverse[count] = row, here
            count += 1
    return chosen[:count], inverse[:count]
