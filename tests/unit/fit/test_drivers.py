"""The compiled driver and lmfit on one objective."""

from functools import cache

import lmfit
import numpy as np
import pytest

from tests import scans
from xrdfit.data import ParameterOverride, RefineSettings
from xrdfit.fit import ScanFit, make_minimizer, refine_compiled
from xrdfit.model import Background, Hump, Instrument, PatternModel

TIED = ParameterOverride
# What a scan of the reference case may be asked for besides the usual: overrides by parameter name.
CASES: dict[str, dict[str, ParameterOverride]] = {
    "plain": {},
    "a width at its lower limit": {"FP_lorentz_size": TIED(min=0.15)},
    "a width at its upper limit": {"FP_lorentz_size": TIED(max=0.1)},
    "a cell edge at its limit": {"LFP_a": TIED(max=10.3275)},
    "a linear constraint": {"FP_lorentz_size": TIED(expr="1.2 * LFP_lorentz_size")},
    "a constraint with a root": {"LFP_b": TIED(expr="sqrt(3.4925 * LFP_a)")},
    "a constraint with a power": {"FP_lorentz_size": TIED(expr="12 * LFP_lorentz_size**2")},
    "a constraint that no complex number passes": {"LFP_b": TIED(expr="max(0.5815 * LFP_a, 1)")},
    "a constraint with a magnitude": {"LFP_b": TIED(expr="abs(0.5815 * LFP_a)")},
    "a chain of constraints": {"FP_b": TIED(expr="LFP_b * 0.9638"), "LFP_b": TIED(expr="0.5815 * LFP_a")},
    "a constraint at its own limit": {"LFP_b": TIED(expr="0.5815 * LFP_a", min=5.0, max=6.0)},
}


def settings(solver: str, overrides: dict[str, ParameterOverride] | None = None, **rest: str) -> RefineSettings:
    return RefineSettings(solver=solver, overrides=overrides or {}, esd_scaling="none", **rest)  # type: ignore[arg-type]


def off_the_truth(scan: scans.KnownScan) -> np.ndarray:
    start = scan.values.copy()
    for name, by in {"LFP_a": 0.005, "FP_b": -0.004, "LFP_lorentz_size": 0.05}.items():
        if name in scan.model.table.names:
            start[scan.model.table.index(name)] += by
    return start


def assert_same_optimum(one: ScanFit, other: ScanFit) -> None:
    assert one.success and other.success
    np.testing.assert_array_equal(np.isfinite(one.esd), np.isfinite(other.esd))
    known = np.isfinite(one.esd)
    assert known.any()
    assert (np.abs(one.values - other.values)[known] < 0.01 * one.esd[known]).all()
    np.testing.assert_allclose(other.esd[known], one.esd[known], rtol=1e-3)
    np.testing.assert_allclose(other.values[~known], one.values[~known], rtol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_drivers_meet_within_a_hundredth_of_an_esd(case: str) -> None:
    scan = scans.reference_scan()
    one, other = (
        scans.refine(scan, scan.counts(1), settings(solver, CASES[case]), start=off_the_truth(scan))
        for solver in ("compiled", "leastsq")
    )
    assert_same_optimum(one, other)


@pytest.mark.parametrize("seed", range(4))
def test_drivers_meet_on_other_scans(seed: int) -> None:
    scan = scans.reference_scan(seed + 10)
    one, other = (
        scans.refine(scan, scan.counts(seed), settings(solver), start=off_the_truth(scan))
        for solver in ("compiled", "leastsq")
    )
    assert_same_optimum(one, other)


def test_drivers_meet_where_the_true_width_is_none() -> None:
    model = scans.two_phase_model()
    scan = scans.known_scan(model, scans.parameters(model, **(scans.TRUE | {"LFP_lorentz_size": 0.0})))
    start = off_the_truth(scan)
    one, other = (
        scans.refine(scan, scan.counts(5), settings(solver), start=start) for solver in ("compiled", "leastsq")
    )
    assert_same_optimum(one, other)
    assert one.values[model.table.index("LFP_lorentz_size")] == 0.0


def test_drivers_meet_on_a_monoclinic_powder_in_a_capillary_with_a_hump() -> None:
    instrument = Instrument(
        lines=((0.7999, 1.0),), geometry="debye-scherrer", goniometer_radius_mm=1000.0, profile=scans.PROFILE
    )
    monoclinic = scans.phase("M", "P2_1/c", 7.1, 9.3, 5.8, 90.0, 101.0, 90.0)
    model = PatternModel.of(instrument, (monoclinic,), Background(terms=4, humps=(Hump(position=14.0, fwhm=6.0),)))
    values = scans.parameters(
        model, M_lorentz_size=0.05, background_c0=200.0, background_c1=-40.0, hump0_area=900.0, capillary_parallel=0.2
    )
    scan = scans.known_scan(model, values, two_theta=np.linspace(8.0, 26.0, 900))
    vary = scans.usual(model) | model.table.where("hump")
    one, other = (scans.refine(scan, scan.counts(2), settings(solver), vary=vary) for solver in ("compiled", "leastsq"))
    assert_same_optimum(one, other)
    beta = model.table.index("M_beta")
    assert abs(one.values[beta] - 101.0) < 4.0 * one.esd[beta]


def test_drivers_meet_where_one_phase_is_absent() -> None:
    model = scans.two_phase_model()
    scan = scans.known_scan(model, scans.parameters(model, **scans.TRUE), present=(True, False))
    one, other = (
        scans.refine(scan, scan.counts(3), settings(solver), present=(True, False))
        for solver in ("compiled", "leastsq")
    )
    assert_same_optimum(one, other)
    held = [i for i, name in enumerate(model.table.names) if name.startswith("FP_")]
    assert np.isnan(one.esd[held]).all()
    np.testing.assert_array_equal(one.values[held], scan.values[held])


@pytest.mark.parametrize("solver", ["compiled", "leastsq"])
def test_gaussian_strain_leaves_zero_where_it_has_no_slope(solver: str) -> None:
    model = scans.two_phase_model()
    scan = scans.known_scan(model, scans.parameters(model, **(scans.TRUE | {"LFP_gauss_strain": 0.3})))
    strain = model.table.index("LFP_gauss_strain")
    start = scan.values.copy()
    start[strain] = 0.0
    vary = scans.usual(model)
    vary[strain] = True
    fit = scans.refine(scan, scan.counts(1), settings(solver), start=start, vary=vary)
    assert abs(fit.values[strain] - 0.3) < 4.0 * fit.esd[strain] < 0.1


def test_a_limit_does_not_cost_lmfit_thousands_of_patterns() -> None:
    scan = scans.reference_scan()
    case = CASES["a width at its upper limit"]
    fit = scans.refine(scan, scan.counts(1), settings("leastsq", case), start=off_the_truth(scan))
    assert fit.result.nfev < 1000


@pytest.mark.parametrize("solver", ["compiled", "leastsq"])
def test_nothing_to_vary_is_a_fit_of_the_areas_alone(solver: str) -> None:
    scan = scans.reference_scan()
    fit = scans.refine(scan, scan.counts(1), settings(solver), vary=np.zeros(len(scan.model.table), dtype=bool))
    assert fit.success
    assert np.isnan(fit.esd).all()
    assert np.corrcoef(fit.objective.work.area, scan.areas)[0, 1] > 0.95


@pytest.mark.parametrize("solver", ["compiled", "leastsq"])
def test_constraint_that_stops_being_a_number_is_a_failed_scan_and_no_exception(solver: str) -> None:
    scan = scans.reference_scan()
    start = off_the_truth(scan)
    case = {"LFP_b": ParameterOverride(expr="6.0065 + 1e-3 * log(LFP_a - 10.3285)")}
    fit = scans.refine(scan, scan.counts(1), settings(solver, case), start=start)
    assert not fit.success
    assert "not finite" in fit.result.message
    assert np.isfinite(fit.values).all()


def test_lmfit_gives_a_held_parameter_no_esd() -> None:
    scan = scans.reference_scan()
    fit = scans.refine(scan, scan.counts(1), settings("leastsq"))
    assert fit.result.params["zero_shift"].stderr is None
    assert np.isnan(fit.esd[scan.model.table.index("zero_shift")])


def small_scan() -> scans.KnownScan:
    model = scans.two_phase_model(scans.LFP, background=Background(terms=2))
    values = scans.parameters(model, LFP_lorentz_size=0.1, background_c0=250.0, background_c1=-30.0)
    return scans.known_scan(model, values)


def cell_and_background(model: PatternModel) -> np.ndarray:
    return model.table.where("cell", "background")


@pytest.mark.parametrize("method", ["least_squares", "nelder"])
def test_another_method_of_lmfit_reaches_the_same_optimum(method: str) -> None:
    scan = small_scan()
    vary = cell_and_background(scan.model)
    one, other = (scans.refine(scan, scan.counts(2), settings(solver), vary=vary) for solver in ("compiled", method))
    assert other.result.method == method
    known = np.isfinite(one.esd)
    assert (np.abs(one.values - other.values)[known] < 0.02 * one.esd[known]).all()


@pytest.mark.parametrize("solver", ["compiled", "leastsq"])
def test_confidence_intervals_of_lmfit_work_on_a_scan(solver: str) -> None:
    scan = small_scan()
    fit = scans.refine(scan, scan.counts(2), settings(solver), vary=cell_and_background(scan.model))
    found = lmfit.conf_interval(
        make_minimizer(fit.objective, fit.result.params), fit.result, p_names=["LFP_b"], sigmas=[1]
    )
    low, best, high = (value for _, value in found["LFP_b"])
    # lmfit widens by GoF; near the optimum the pattern is all but linear in the cell.
    expected = fit.result.params["LFP_b"].stderr * np.sqrt(fit.result.redchi)
    assert best == pytest.approx(fit.result.params["LFP_b"].value)
    assert high - best == pytest.approx(expected, rel=0.05)
    assert best - low == pytest.approx(expected, rel=0.05)


def test_fit_report_of_lmfit_prints_a_scan() -> None:
    scan = small_scan()
    fit = scans.refine(scan, scan.counts(2), settings("compiled"), vary=cell_and_background(scan.model))
    report = lmfit.fit_report(fit.result)
    assert "fitting method   = compiled" in report
    assert "LFP_a" in report and "+/-" in report


@cache
def projected() -> tuple[ScanFit, np.ndarray]:
    scan = small_scan()
    fit = scans.refine(scan, scan.counts(2), settings("compiled"), vary=cell_and_background(scan.model))
    return fit, np.flatnonzero(cell_and_background(scan.model))


def test_projected_jacobian_is_the_marginal_covariance_in_the_units_of_the_residual() -> None:
    fit, varied = projected()
    derivative = np.eye(len(fit.values))[:, varied]
    rows = fit.objective.residual_jacobian(fit.values, derivative)
    np.testing.assert_allclose(np.linalg.inv(rows @ rows.T), fit.result.covar, rtol=1e-6)


def test_a_fit_is_the_same_with_and_without_lmfits_parameters() -> None:
    scan = scans.reference_scan()
    case = {"FP_lorentz_size": ParameterOverride(min=0.15), "LFP_gauss_strain": ParameterOverride(vary=False)}
    fit = scans.refine(scan, scan.counts(1), settings("compiled", case), start=off_the_truth(scan))
    result = fit.result

    # The same driver, begun where this fit ended, on lmfit's own parameters.
    again = refine_compiled(fit.objective, result.params.copy())
    assert again.var_names == result.var_names
    assert (np.abs(again.params["LFP_a"].value - result.params["LFP_a"].value)) < 1e-3 * result.params["LFP_a"].stderr
    np.testing.assert_allclose(again.covar, result.covar, rtol=1e-3)
    assert again.nfree == result.nfree
    for name, parameter in result.params.items():
        assert (parameter.min, parameter.max) == (again.params[name].min, again.params[name].max)
        assert parameter.vary == (name in result.var_names)
    assert result.params["FP_lorentz_size"].value == 0.15
    assert result.params["FP_lorentz_size"].stderr is None
