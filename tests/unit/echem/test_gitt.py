"""A titration of an electrode whose diffusion coefficient is known gives it back where the formula holds."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq
from typer.testing import CliRunner

from tests.cyclers import cell, mpt, table
from tests.unit.echem.test_charge import record as record_of
from xrdfit.cli.app import app
from xrdfit.echem import CyclerRecord, GittPulse, GittSettings, find_pulses
from xrdfit.echem.record import long_intervals
from xrdfit.errors import DataError

D = 1e-10  # cm^2/s
LENGTH = 1e-3  # cm, so that L^2/D is 10^4 s
CAPACITY = 1.0  # mA h
STEP = 0.02
RESISTANCE = 25.0  # ohm


def eigenvalues(sphere: bool) -> NDArray[np.float64]:
    """Roots of sin(m) = 0, or of tan(m) = m: modes of diffusion in a slab and in a sphere (Crank 1975, 4.3 and 6.3)."""
    if not sphere:
        return np.pi * np.arange(1.0, 301.0)
    return np.array(
        [brentq(lambda m: np.sin(m) - m * np.cos(m), (n + 1e-9) * np.pi, (n + 0.5) * np.pi) for n in range(1, 301)]
    )


@dataclass
class Electrode:
    """Concentration at the surface under a given flux, mode by mode and exact; modes beyond are quasi-stationary."""

    sphere: bool

    def __post_init__(self) -> None:
        self.modes = eigenvalues(self.sphere)
        self.rates = D * self.modes**2 / LENGTH**2
        self.amplitude = np.zeros(self.modes.size)
        self.filled = 0.0
        self.rest = (0.1 if self.sphere else 1.0 / 6.0) - np.sum(1.0 / self.modes**2)
        self.faces = 3.0 if self.sphere else 1.0

    def surface(self, passed: NDArray[np.float64], flux: float) -> NDArray[np.float64]:
        """At these times (s, from 0) under a flux that fills the electrode in 1/flux seconds; goes on from the last."""
        drive = 2.0 * flux / self.faces
        decay = np.exp(-np.multiply.outer(passed, self.rates))
        modes = self.amplitude * decay + drive / self.rates * (1.0 - decay)
        self.amplitude = modes[-1]
        filled = self.filled + flux * passed
        self.filled = float(filled[-1])
        return filled + modes.sum(axis=1) + drive * LENGTH**2 / D * self.rest * (passed > 0.0)


def titration(
    *, tau: float, sphere: bool = False, slope: float = 0.5, rest: float = 4e4, pulses: int = 8
) -> CyclerRecord:
    """Pulses of charge and of discharge with a rest before, between and after them."""
    electrode = Electrode(sphere)
    current = 3.6 * CAPACITY * STEP / tau
    ways = [0, *(k for way in (1, -1) for _ in range(pulses) for k in (way, 0))]
    columns: list[list[NDArray[np.float64]]] = [[], [], []]
    begin = 0.0
    for way in ways:
        passed = (
            np.linspace(0.0, tau, 61)
            if way
            else np.concatenate([np.arange(0.0, 200.0, 10.0), np.geomspace(200.0, rest, 60)])
        )
        voltage = 3.0 + slope * electrode.surface(passed, way * STEP / tau) + way * current * RESISTANCE
        for column, values in zip(columns, (begin + passed, voltage, np.full(passed.size, way * current)), strict=True):
            column.append(values)
        begin += float(passed[-1])
    time, voltage, amperes = (np.concatenate(column) for column in columns)
    return CyclerRecord(
        time_s=time,
        voltage_V=voltage,
        current_A=amperes,
        own_charge_mAh=None,
        start=None,
        pause_after=np.zeros_like(long_intervals(time)),
        source="titration",
        format="made",
    )


def found(record: CyclerRecord, *, sphere: bool = False) -> tuple[GittPulse, ...]:
    over = LENGTH / 3.0 if sphere else LENGTH
    return find_pulses(record, GittSettings(volume_over_area_cm=over, full_capacity_mAh=CAPACITY))


def test_every_pulse_of_charge_and_discharge_is_found() -> None:
    pulses = found(titration(tau=60.0))
    assert [pulse.direction for pulse in pulses] == [1] * 8 + [-1] * 8
    assert all(pulse.tau_s == pytest.approx(60.0) for pulse in pulses)
    assert all(pulse.charge_mAh == pytest.approx(STEP * CAPACITY, rel=1e-6) for pulse in pulses)
    capacities = [pulse.capacity_mAh for pulse in pulses]
    assert capacities == pytest.approx([STEP * (k + 0.5) for k in range(8)] * 2, rel=1e-4)


def test_the_diffusion_coefficient_of_a_slab_comes_back_within_a_tenth_of_a_percent() -> None:
    pulses = found(titration(tau=60.0))
    assert [pulse.diffusion_cm2_s for pulse in pulses] == pytest.approx([D] * 16, rel=1e-3)
    assert all(pulse.valid for pulse in pulses)
    assert all(pulse.tau_over_l2_d == pytest.approx(0.006, rel=0.01) for pulse in pulses)


@pytest.mark.parametrize(("tau", "low"), [(1.0, 0.03), (10.0, 0.08)])
def test_in_spheres_the_formula_reads_low_as_the_surface_bends(tau: float, low: float) -> None:
    pulses = found(titration(tau=tau, sphere=True), sphere=True)
    ratio = np.array([pulse.diffusion_cm2_s for pulse in pulses]) / D
    assert np.all((ratio < 1.0) & (ratio > 1.0 - low))
    assert all(pulse.valid for pulse in pulses)


def test_longer_pulses_into_spheres_are_said_not_to_be_short() -> None:
    assert not any(pulse.short for pulse in found(titration(tau=30.0, sphere=True), sphere=True))


def test_a_pulse_as_long_as_diffusion_through_the_electrode_is_said_to_be_none() -> None:
    pulses = found(titration(tau=1e4))
    assert not any(pulse.short for pulse in pulses)
    assert not any(pulse.valid for pulse in pulses)
    assert abs(pulses[0].diffusion_cm2_s / D - 1.0) > 0.1


def test_a_rest_cut_short_is_said_to_be_no_rest() -> None:
    pulses = found(titration(tau=60.0, rest=300.0))
    assert not any(pulse.relaxed for pulse in pulses)
    assert all(pulse.relaxed for pulse in found(titration(tau=60.0)))


def test_on_a_plateau_the_coefficient_is_apparent() -> None:
    assert not any(pulse.plateau for pulse in found(titration(tau=60.0, slope=0.11)))
    assert all(pulse.plateau and not pulse.valid for pulse in found(titration(tau=60.0, slope=0.09)))


def test_the_step_at_the_onset_is_current_times_resistance() -> None:
    record = titration(tau=60.0)
    step = RESISTANCE * 3.6 * CAPACITY * STEP / 60.0
    for pulse in found(record):
        assert pulse.ir_drop_V == pytest.approx(step, rel=2e-3)
        assert pulse.steady_V == pytest.approx(0.5 * STEP, rel=2e-3)
        assert pulse.overpotential_V == pytest.approx(step + pulse.transient_V - pulse.steady_V, rel=1e-2)
        assert pulse.resistance_ohm == pytest.approx(1e3 * pulse.overpotential_V / abs(pulse.current_mA))


def test_double_rows_and_late_first_rows_give_the_same_duration() -> None:
    record = titration(tau=60.0)
    kept = np.concatenate([[True], np.diff(record.time_s) > 0.0])  # no first row of a step: the onset is the rest's end
    thinned = CyclerRecord(
        time_s=record.time_s[kept],
        voltage_V=record.voltage_V[kept],
        current_A=record.current_A[kept],
        own_charge_mAh=None,
        start=None,
        pause_after=np.zeros(int(kept.sum()) - 1, dtype=np.bool_),
        source="",
        format="",
    )
    assert [pulse.tau_s for pulse in found(thinned)] == pytest.approx([60.0] * 16)
    assert [pulse.diffusion_cm2_s for pulse in found(thinned)] == pytest.approx([D] * 16, rel=1e-2)


def test_a_cycle_with_rests_is_no_titration() -> None:
    with pytest.raises(DataError, match=r"E193 no titration .* found|E193 no titration .* 2 steady currents"):
        find_pulses(record_of(cell()))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    record = titration(tau=60.0, pulses=4)
    path = tmp_path / "gitt.csv"
    columns = [record.time_s, record.voltage_V, record.current_A]
    path.write_text(table(["time/s", "Ewe/V", "I/A"], columns, separator=",", form=".12E"))
    return path


def run(*words: object):  # type: ignore[no-untyped-def]
    return CliRunner().invoke(app, ["gitt", *(str(word) for word in words)])


def test_the_command_writes_a_row_a_pulse_and_prints_whether_they_hold(written: Path, tmp_path: Path) -> None:
    # m V_m / (M S) = 1e-3 cm.
    dimensions = ["--mass-mg", 3.6, "--molar-mass", 157.757, "--molar-volume", 43.82129, "--area-cm2", 1.0]
    done = run(written, "-o", tmp_path / "out", *dimensions, "--capacity-mah", 1.0)
    assert done.exit_code == 0, done.output
    with (tmp_path / "out" / "gitt.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert float(rows[0]["diffusion_cm2_s"]) == pytest.approx(D, rel=6e-3)
    assert float(rows[0]["resistivity_ohm_cm2"]) == pytest.approx(float(rows[0]["resistance_ohm"]))
    assert {row["valid"] for row in rows} == {"1"}
    assert "charge: 4 pulses of 60 s" in done.stdout
    assert "tau << L²/D (at most 0.01): in 8 of 8 pulses" in done.stdout
    assert "rest relaxed: in 8 of 8 pulses" in done.stdout
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".csv", ".png", ".svg"}


def test_without_dimensions_there_is_no_coefficient_but_losses(written: Path, tmp_path: Path) -> None:
    done = run(written, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert "no D: give" in done.stdout
    with (tmp_path / "out" / "gitt.csv").open() as file:
        row = next(csv.DictReader(file))
    assert row["diffusion_cm2_s"] == ""
    assert float(row["ir_drop_V"]) > 0.0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--mass-mg", 3.6, "--molar-mass", 157.8], "no --molar-volume, --area-cm2"),
        (["--length-um", -1.0], "found -1 against > 0"),
    ],
)
def test_dimensions_that_lead_nowhere_are_refused(
    written: Path, tmp_path: Path, words: list[object], says: str
) -> None:
    refused = run(written, "-o", tmp_path / "out", *words)
    assert refused.exit_code == 2
    assert says in refused.stderr
    assert not (tmp_path / "out").exists()


def test_a_record_without_pulses_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "cell.mpt").write_text(mpt(cell()))
    refused = run(tmp_path / "cell.mpt")
    assert refused.exit_code == 2
    assert "E193" in refused.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"cell.mpt"}


def test_dates_that_may_be_day_or_month_first_are_settled_on_the_line(tmp_path: Path) -> None:
    of = cell()
    rows = [f"05/02/2026 09:14:00,{t},{v},{1e-3 * i}" for t, v, i in zip(of.time, of.voltage, of.current, strict=True)]
    file = tmp_path / "cell.csv"
    file.write_text("\n".join(["date_time,time/s,voltage/V,current/A", *rows, ""]), encoding="utf-8")
    assert "E115" in run(file).stderr and "--dates" in run(file).stderr
    assert "E193" in run(file, "--dates", "day-first").stderr
    assert "E198" in run(file, "--dates", "monthfirst").stderr
