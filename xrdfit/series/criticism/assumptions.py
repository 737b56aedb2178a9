"""What a joint fit takes for granted, checked against what it left over: warnings about the series as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.criticism.between import BetweenLines
from xrdfit.series.criticism.critic import ResidualCritic
from xrdfit.series.criticism.scope_test import ScopeTest, scope_tests
from xrdfit.series.criticism.sweep_test import merit_read_otherwise
from xrdfit.series.criticism.unexplained import UnexplainedLine
from xrdfit.series.joint.fitted_runs import FittedRuns
from xrdfit.series.joint.series import JointSeries
from xrdfit.series.joint.spread import SpreadTest
from xrdfit.series.state import Status
from xrdfit.series.words import count_of_scans

# Spread of intensities below which shared ones do no harm that anyone could see, however significant.
_HARMLESS = 0.01
# (n_stack, m, n_lines) of each scan, where its lines stand at every emission line, deg; NaN for scans without a fit.
_Places = NDArray[np.float64]

# Fall in chi^2 that is no accident.
_CLEARLY_BETTER = 30.0
# Distance of points, in usual steps, that is a gap; how far, in FWHM, tails of lines within it reach beyond its edges.
_GAP = 3.0
_TAIL = 4.0
# Part of the scans that may be set aside.
_FEW = 0.2
# Correlation between successive scans above which deviations drift; below 1 less that, they jump.
_DRIFTS = 0.7


def warnings_of(series: JointSeries) -> list[str]:
    """One line for every assumption that does not hold: code, what, where, found against expected, what to do."""
    found = [*_aside_warnings(series), *_spread_warnings(series), *_scope_warnings(series)]
    critic, placed = _criticised(series)
    found += _sweep_warnings(series)
    found += [_unexplained(line, series) for line in _unexplained_lines(series, critic, placed)]
    return found + _between_warnings(series, critic, placed)


def _message(code: str, what: str, where: str, found: str, todo: str) -> str:
    return f"{code} {what} · {where} · {found} · {todo}"


def _aside_warnings(series: JointSeries) -> Iterator[str]:
    aside = sorted(index for index, fit in series.fits.items() if fit.alone)
    if len(aside) > max(_FEW * len(series.fits), 1.0):
        yield _message(
            "W407",
            "many scans do not go with the others",
            f"scans {aside[0]} to {aside[-1]}",
            f"found {len(aside)} of {len(series.fits)} set aside against a few",
            'look at one of them; intensities = "hierarchical" or a scope "scan" may take them in',
        )


def _spread_warnings(series: JointSeries) -> Iterator[str]:
    if series.spread is None or series.regime.deviations:
        return
    test, lines = series.spread, series.chain.layout.lines
    for number, phase in enumerate(series.model.phases):
        own = np.flatnonzero(lines.phase == number)
        if not test.z[number] > 0.0 or test.holds[number] or test.spread[number] < _HARMLESS or not own.size:
            continue
        worst = own[np.argmax(test.line_z[own])]
        h, k, m = lines.hkl[worst]
        yield _message(
            "W401",
            "intensities change from scan to scan",
            phase.name,
            f"found a relative spread of at least {test.spread[number]:.1%} (z {test.z[number]:.0f}), "
            f"{_course(test, number)}, clearest in ({h} {k} {m}): {test.line_spread[worst]:.1%}, against 0",
            'write intensities = "hierarchical"',
        )


def _course(test: SpreadTest, phase: int) -> str:
    if test.persistence[phase] > _DRIFTS:
        return "drifting, as texture or beam damage do"
    return "jumping, as coarse grains do" if test.persistence[phase] < 1.0 - _DRIFTS else "partly drifting"


def _scope_warnings(series: JointSeries) -> Iterator[str]:
    layout = series.chain.layout
    status = [series.fits[i].status for i in series.chain.indices]
    broken = [test for test in scope_tests(series.freed_parameters(), status) if not test.holds]
    for test in _clearest_of_each_phase(series, broken):
        spec = layout.model.table.specs[test.row]
        drifting = [basis.shape[1] - 1 for row, basis in layout.drifts if row == test.row]
        expected = f"a drift with {drifting[0] + 1} coefficients" if drifting else "one value for the series"
        yield _message(
            "W402",
            "parameter does not keep to its scope",
            spec.name,
            f"{_change(series, test, spec.unit)} against {expected}",
            f'write {spec.name} = "scan"' + ("" if drifting else ' or "drift"') + " in [refine.scope]",
        )


def _clearest_of_each_phase(series: JointSeries, broken: list[ScopeTest]) -> list[ScopeTest]:
    """Widths of one phase imitate each other: where several do not hold, the clearest is named."""
    model = series.model
    best: dict[int, ScopeTest] = {}
    for test in broken:
        owner = next((phase for phase in range(len(model.phases)) if model.of_phase(phase)[test.row]), -1 - test.row)
        if owner not in best or test.jumps.chi2 > best[owner].jumps.chi2:
            best[owner] = test
    return list(best.values())


def _change(series: JointSeries, test: ScopeTest, unit: str) -> str:
    found = test.jumps
    if found.kind is None or found.scan is None or not found.p_change < found.p_smooth:
        spread = float(np.sqrt(np.nanmean(test.step**2)))
        return f"found it to vary by {spread:.2g} {unit} (chi^2 {found.chi2:.0f} of {found.n_free})"
    scan = series.chain.indices[found.scan]
    if found.kind == "jump":
        return f"found it to jump by {found.size:.2g}({found.esd:.1g}) {unit} at scan {scan}"
    return f"found it to bend by {found.size:.2g}({found.esd:.1g}) {unit} a scan at scan {scan}"


def _sweep_warnings(series: JointSeries) -> Iterator[str]:
    merits = merit_read_otherwise(series)
    if merits is None or merits[0] - merits[1] < _CLEARLY_BETTER:
        return
    was = series.model.instrument.detector
    kind = {"point": "read at once", "area": "measured angle after angle"}[was]
    yield _message(
        "W405",
        f"the scans look as if they had been {kind}",
        "instrument.detector",
        f'found chi^2 lower by {merits[0] - merits[1]:.0f} or more that way, against "{was}"',
        f'write detector = "{"area" if was == "point" else "point"}", if the diffractometer agrees',
    )


def _criticised(series: JointSeries) -> tuple[ResidualCritic, _Places]:
    critic, fitted = ResidualCritic(len(series.fits), series.chain.threads), FittedRuns()
    placed = np.empty(0)
    for index, fit in sorted(series.fits.items()):
        pattern = fitted.pattern(fit)
        if not placed.size:
            placed = np.full((max(series.fits) + 1, *pattern.position.shape), np.nan)
        placed[index] = pattern.position
        critic.add(
            index,
            two_theta=fit.kept.grid.chosen,
            residual=fit.kept.intensity - pattern.model,
            sigma=fit.errors.factor[fit.position] / np.sqrt(pattern.weight),
            calculated=pattern.model,
            background=pattern.background,
        )
    return critic, placed


@dataclass(frozen=True, slots=True)
class _Known(Mapping[int, NDArray[np.float64]]):
    """The same of the phases that are there, scan by scan; NaN for others."""

    series: JointSeries
    placed: _Places

    def __len__(self) -> int:
        return len(self.series.fits)

    def __iter__(self) -> Iterator[int]:
        return iter(self.series.fits)

    def __getitem__(self, index: int) -> NDArray[np.float64]:
        absent = np.array([state == Status.ABSENT for state in self.series.fits[index].status])
        position = self.placed[index]
        return np.where(absent[self.series.chain.layout.lines.phase, None], np.nan, position)


def _typical_fwhm(series: JointSeries) -> float:
    layout = series.chain.layout
    middle = series.fits[series.chain.indices[len(series.chain.indices) // 2]]
    placed = layout.model.place(middle.values, layout.lines)
    return float(np.median(placed.gauss[:, 0] + placed.lorentz[:, 0]))


def _unexplained_lines(series: JointSeries, critic: ResidualCritic, placed: _Places) -> tuple[UnexplainedLine, ...]:
    if not series.chain.layout.n_lines:
        return ()
    fwhm = _typical_fwhm(series)
    found = critic.unexplained_lines(
        fwhm=fwhm, emission=series.model.instrument.lines, known_positions=_Known(series, placed)
    )
    # Beside a stretch that was cut out, what is seen may be the tail of a line that was cut out with it.
    two_theta = series.chain.scans[0].kept.grid.chosen
    step = np.diff(two_theta)
    gaps = np.flatnonzero(step > _GAP * np.median(step))
    edges = np.concatenate([two_theta[gaps], two_theta[gaps + 1]])
    return tuple(line for line in found if not np.any(np.abs(edges - line.two_theta) < _TAIL * fwhm))


def _unexplained(line: UnexplainedLine, series: JointSeries) -> str:
    owner = _unproven_owner(line, series)
    return _message(
        "W403",
        "a line that nothing explains",
        f"{line.two_theta:.2f} deg, d = {line.d_spacing:.4f} Å",
        f"found height {line.height:.3g} (z {line.z:.0f}) in {_where(line)}, against none",
        "add the phase it belongs to, or exclude it"
        if owner is None
        else f"{owner} stands there, a phase that was not established in any scan: check its cell, or count longer",
    )


def _unproven_owner(line: UnexplainedLine, series: JointSeries) -> str | None:
    """The line of a phase, taken as absent, that its cell at the start puts there; None if there is none."""
    model, start = series.model, series.sequential.start
    unproven = [number in series.sequential.unproven for number in range(len(model.phases))]
    if not any(unproven):
        return None
    lines = model.choose_lines(start, series.chain.scans[0].kept.grid.chosen, unproven)
    apart = np.abs(model.place(start, lines).position[:, 0] - line.two_theta)
    if not apart.size or apart.min() > _typical_fwhm(series):
        return None
    nearest = int(np.argmin(apart))
    h, k, m = lines.hkl[nearest]
    return f"({h} {k} {m}) of {model.phases[lines.phase[nearest]].name}"


def _where(line: UnexplainedLine) -> str:
    if len(line.scans) == 1:
        return f"scan {line.first}"
    return f"{count_of_scans(len(line.scans))}, {line.first} to {line.last}"


def _between_warnings(series: JointSeries, critic: ResidualCritic, placed: _Places) -> list[str]:
    """Intensity between the same lines of two active phases of one symmetry."""
    phases = series.model.phases
    active = [number for number, phase in enumerate(phases) if phase.role == "active"]
    lines = series.chain.layout.lines
    if len(active) != 2 or phases[active[0]].group.name != phases[active[1]].group.name:
        return []
    rows = [{tuple(lines.hkl[i].tolist()): int(i) for i in np.flatnonzero(lines.phase == number)} for number in active]
    common = sorted(rows[0].keys() & rows[1].keys())
    if not common:
        return []
    found = _between(series, critic, placed, *([own[hkl] for hkl in common] for own in rows))
    if not found.found:
        return []
    names = f"{phases[active[0]].name} and {phases[active[1]].name}"
    return [
        _message(
            "W404",
            "intensity between the lines of two phases",
            names,
            f"found {found.series_net:.1%}({found.series_esd:.1%}) of theirs (z {found.series_z:.0f}) against none",
            "think of a solid solution between them",
        )
    ]


def _between(
    series: JointSeries,
    critic: ResidualCritic,
    placed: _Places,
    first: list[int],
    second: list[int],
) -> BetweenLines:
    size = max(series.fits) + 1
    shape = (size, len(first))
    one, two, area = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    for index, fit in series.fits.items():
        place = placed[index][:, 0]
        areas = fit.chain.scans[fit.position].areas(fit.solution.state)
        one[index], two[index] = place[first], place[second]
        area[index] = np.maximum(areas[first] + areas[second], 0.0)
    return critic.between_lines(
        fwhm=_typical_fwhm(series), first=one, second=two, area=area, known_positions=_Known(series, placed)
    )
