"""The classical scheme: partition, refine, and again."""

import numpy as np
import pytest

from tests import scans
from xrdfit.data import RefineSettings

CLASSICAL = RefineSettings(extraction="partition", esd_scaling="none")


@pytest.mark.parametrize("solver", ["compiled", "leastsq"])
def test_classical_scheme_comes_near_the_joint_fit_but_never_below_it(solver: str) -> None:
    scan = scans.reference_scan()
    joint = scans.refine(scan, scan.counts(1))
    classical = scans.refine(
        scan, scan.counts(1), RefineSettings(extraction="partition", esd_scaling="none", solver=solver)
    )
    assert joint.agreement.gof < classical.agreement.gof < 1.1 * joint.agreement.gof
    known = np.isfinite(joint.esd)
    assert (np.abs(classical.values - joint.values)[known] < 2.0 * joint.esd[known]).all()


def test_classical_scheme_prints_marginal_esds_all_the_same() -> None:
    scan = scans.reference_scan()
    joint, classical = scans.refine(scan, scan.counts(1)), scans.refine(scan, scan.counts(1), CLASSICAL)
    cells = scan.model.table.where("cell")
    np.testing.assert_allclose(classical.esd[cells], joint.esd[cells], rtol=0.15)


def test_classical_scheme_settles_on_the_reference_case_and_says_so() -> None:
    scan = scans.reference_scan()
    fit = scans.refine(scan, scan.counts(1), CLASSICAL)
    assert fit.result.method == "partition"
    assert fit.success and fit.result.message == "settled"


def test_esds_at_fixed_intensities_are_too_small() -> None:
    # LFP (211)/(020) and (111)/(201) overlap: who fixes their intensities claims to know b and c twice too well.
    scan = scans.reference_scan()
    fit = scans.refine(scan, scan.counts(1))
    varied = np.flatnonzero(scans.usual(scan.model))
    derivative = np.eye(len(fit.values))[:, varied]
    matrix, _ = fit.objective.normal_equations(fit.values, derivative, areas_free=False)
    fixed = np.sqrt(np.diag(np.linalg.inv(matrix)))
    cells = scan.model.table.where("cell")[varied]
    ratio = (fit.esd[varied] / fixed)[cells]
    assert (ratio > 1.0).all()
    assert ratio.max() > 1.5
