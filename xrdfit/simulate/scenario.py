"""What happens in a simulated cell: a full cycle of LiFePO4, in two built-in versions, and parts of it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrdfit.errors import InputError, Problem
from xrdfit.model import Instrument, InstrumentProfile, lorentz_strain_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseCourse:
    """One phase over the cycle.

    Attributes
    ----------
    cell : a, b, c in Å before the charge.
    shrinkage : relative loss of a, b, c at the end of charge; grows over the charge and goes back over
        the discharge.
    lorentz_size : Lorentzian FWHM of the sample that goes with 1/cos(theta), deg.
    strain : maximum strain e; its integral breadth is ``4 e tan(theta)``, Lorentzian.
    stephens : terms of anisotropic strain in its place, by name, 1e-8 / Å^4.
    sizes : FWHM by the size along h00, 0k0, 00l in the place of `lorentz_size`, deg.
    """

    cell: tuple[float, float, float]
    shrinkage: tuple[float, float, float]
    lorentz_size: float
    strain: float
    stephens: Mapping[str, float] | None = None
    sizes: tuple[float, float, float] | None = None

    @property
    def lorentz_strain(self) -> float:
        """Lorentzian FWHM that goes with tan(theta), deg."""
        return lorentz_strain_of(self.strain)

    @property
    def widths(self) -> dict[str, float]:
        """Parameters of the phase's widths, without the phase's name."""
        strain = {"lorentz_strain": self.lorentz_strain} if self.stephens is None else dict(self.stephens)
        if self.sizes is None:
            return {"lorentz_size": self.lorentz_size} | strain
        named = zip(("h00", "0k0", "00l"), self.sizes, strict=True)
        return {f"lorentz_size_{axis}": width for axis, width in named} | strain

    def cell_at(self, depth: ArrayLike) -> NDArray[np.float64]:
        """a, b, c in Å, (..., 3), where the share `depth` of the charge (...) is done or not yet undone."""
        return np.array(self.cell) * (1.0 - np.multiply.outer(np.asarray(depth), np.array(self.shrinkage)))


@dataclass(frozen=True, slots=True, kw_only=True)
class InertCourse:
    """Something else in the beam, the same throughout: an electrolyte layer, a window.

    Attributes
    ----------
    cif : bundled file of its structure; its cell is the true one, and is known.
    height : of its strongest line, against the strongest line of pure LFP.
    displacement_mm : where it stands, if not where the sample does.
    lorentz_size : Lorentzian FWHM that goes with 1/cos(theta), deg.
    """

    name: str
    cif: str
    height: float
    displacement_mm: float | None = None
    fixed_cell: bool = False
    lorentz_size: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A cycle at constant current: rest, charge (LFP to FP), rest, discharge (FP to LFP), rest.

    Attributes
    ----------
    lfp, fp : the lithiated and the delithiated phase.
    begin, charged, discharged : mole fraction of FP before the charge, at the end of charge, at the end of discharge.
        Where two that follow each other are equal, there is no charge, or no discharge, between them.
    full_charge_hours : 20 for C/20: the time that the conversion of everything would take.
    rest_hours : before the charge, after it, after the discharge.
    displacement_mm : of the sample, at the beginning and at the end; linear in time.
    background : Chebyshev coefficients, counts.
    peak_counts : height of the strongest line of pure LFP above the background; with it the maximum is near 2 800.
    first, step, n_points : the grid of 2theta, deg.
    inert : what else is in the beam.
    """

    name: str
    lfp: PhaseCourse
    fp: PhaseCourse
    charged: float
    discharged: float
    begin: float = 0.0
    full_charge_hours: float = 20.0
    rest_hours: tuple[float, float, float] = (3.0, 1.0, 1.0)
    displacement_mm: tuple[float, float] = (0.030, 0.040)
    background: tuple[float, ...] = (250.0, -30.0, 12.0, -4.0, 2.0, -1.0)
    peak_counts: float = 2550.0
    first: float = 20.0
    step: float = 0.0297
    n_points: int = 607
    inert: tuple[InertCourse, ...] = ()

    @property
    def two_theta(self) -> NDArray[np.float64]:
        """(n_points,) deg."""
        return self.first + self.step * np.arange(self.n_points, dtype=np.float64)

    @property
    def knots_s(self) -> NDArray[np.float64]:
        """(6,) s: beginning, charge begins, charge ends, discharge begins, discharge ends, end."""
        before, between, after = self.rest_hours
        charge = self.full_charge_hours * (self.charged - self.begin)
        discharge = self.full_charge_hours * (self.charged - self.discharged)
        return np.cumsum([0.0, before, charge, between, discharge, after]) * 3600.0

    def fp_fraction(self, time_s: ArrayLike) -> NDArray[np.float64]:
        """Mole fraction of FP at these times."""
        course = [self.begin, self.begin, self.charged, self.charged, self.discharged, self.discharged]
        return np.interp(np.asarray(time_s, dtype=np.float64), self.knots_s, course)

    def depth(self, time_s: ArrayLike) -> NDArray[np.float64]:
        """Share of the charge that is done, or of the discharge that is still to come, at these times."""
        top = 1.0 if self.charged > self.begin else 0.0
        end = 0.0 if self.discharged < self.charged else top
        return np.interp(np.asarray(time_s, dtype=np.float64), self.knots_s, [0.0, 0.0, top, top, end, end])

    def displacement(self, time_s: ArrayLike) -> NDArray[np.float64]:
        """Sample displacement in mm at these times."""
        ends = self.knots_s[[0, -1]]
        return np.interp(np.asarray(time_s, dtype=np.float64), ends, self.displacement_mm)


# The laboratory diffractometer of both scenarios.
LAB_INSTRUMENT = Instrument.k_alpha(
    "Cu",
    goniometer_radius_mm=217.5,
    monochromator_two_theta=26.6,
    profile=InstrumentProfile(u=0.004, v=-0.002, w=0.0035, lorentz_size=0.015),
)

# The strains have FWHM of 8e-4 tan(theta) and 32e-4 tan(theta).
WELL_BEHAVED = Scenario(
    name="well-behaved",
    lfp=PhaseCourse(
        cell=(10.3265, 6.0048, 4.6921), shrinkage=(2e-4, 0.0, 0.0), lorentz_size=0.10, strain=math.pi * 1e-4
    ),
    fp=PhaseCourse(cell=(9.8185, 5.7910, 4.7806), shrinkage=(2e-4, 0.0, 0.0), lorentz_size=0.10, strain=math.pi * 4e-4),
    charged=0.95,
    discharged=0.05,
)

DISTORTED = Scenario(
    name="distorted",
    lfp=PhaseCourse(
        cell=(10.3265, 6.0048, 4.6921), shrinkage=(2e-4, 1.6e-3, 1.2e-3), lorentz_size=0.10, strain=math.pi * 1e-4
    ),
    fp=PhaseCourse(
        cell=(9.8185, 5.7910, 4.7806), shrinkage=(2e-4, 1.9e-3, 1.1e-3), lorentz_size=0.10, strain=math.pi * 4e-4
    ),
    charged=0.84,
    discharged=0.14,
)

# A cathode on a solid electrolyte, behind an aluminium window that is 0.3 mm away from it.
BILAYER = replace(
    WELL_BEHAVED,
    name="bilayer",
    n_points=900,
    inert=(
        InertCourse(name="LATP", cif="cif/LiTi2P3O12.cif", height=3.0),
        InertCourse(name="Al", cif="cif/Al.cif", height=2.0, displacement_mm=0.3, fixed_cell=True),
    ),
)

# Silicon mixed into the cathode, whose cell is certified: its lines say where the sample is.
INTERNAL_STANDARD = replace(
    WELL_BEHAVED,
    name="internal standard",
    n_points=1280,
    inert=(InertCourse(name="Si", cif="cif/Si.cif", height=1.0, fixed_cell=True),),
)


def charge_only(scenario: Scenario) -> Scenario:
    """The charge of this scenario between two short rests: fractions that never turn back."""
    name = f"{scenario.name}, charge only"
    return replace(scenario, name=name, discharged=scenario.charged, rest_hours=(0.5, 0.0, 0.5))


def single_phase(name: str, *, hours: float = 84.0) -> Scenario:
    """The well-behaved cell at rest for this long, with ``"LFP"`` or ``"FP"`` alone.

    Raises
    ------
    InputError
        For another phase.
    """
    fractions = {"LFP": 0.0, "FP": 1.0}
    if name not in fractions:
        raise _unknown("phase", name, fractions)
    fraction = fractions[name]
    return replace(
        WELL_BEHAVED,
        name=f"{name} alone",
        begin=fraction,
        charged=fraction,
        discharged=fraction,
        rest_hours=(hours, 0.0, 0.0),
    )


CHARGE_ONLY = charge_only(WELL_BEHAVED)

SCENARIOS = {scenario.name: scenario for scenario in (WELL_BEHAVED, DISTORTED)}


def find_scenario(name: str) -> Scenario:
    """The built-in scenario of this name.

    Raises
    ------
    InputError
        If there is none.
    """
    known = SCENARIOS | {scenario.name: scenario for scenario in (BILAYER, INTERNAL_STANDARD)}
    if name in known:
        return known[name]
    raise _unknown("scenario", name, known)


def _unknown(kind: str, name: str, known: Collection[str]) -> InputError:
    near = get_close_matches(name, known, n=1)
    return InputError(
        Problem(
            code="E171",
            what=f"unknown {kind}",
            where=kind,
            found=f"found {name!r} against {' or '.join(known)}",
            todo=f"did you mean {near[0]}?" if near else "choose one of them",
        )
    )
