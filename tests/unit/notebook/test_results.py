"""Results in a notebook: the verdict, the table of the run in other libraries, figures that pyplot knows."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.axes import Axes

import xrdfit
from tests.results import write_results
from xrdfit.errors import DataError, InputError

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def closed_figures() -> object:
    yield
    plt.close("all")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Twelve scans; scan 4 is flagged, 7 failed."""
    outcome = np.array(["converged"] * 12, dtype=object)
    outcome[4], outcome[7] = "flagged", "failed"
    r_wp = np.full(12, 0.0494)
    r_wp[7] = np.nan
    return write_results(
        tmp_path / "results",
        changed={"outcome": outcome, "r_wp": r_wp},
        messages=["scan 4: R_wp <stands> out", "scan 7: no peak"],
        log="W105 another anode · scan 1 · Co · look\n",
    )


def loaded(directory: Path) -> xrdfit.Results:
    results = xrdfit.load(directory)
    assert isinstance(results, xrdfit.Results)
    return results


class Cells(HTMLParser):
    """Texts of the table's cells, and whether every element ends."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)


def test_the_verdict_comes_first_with_how_many_scans_ended_how(directory: Path) -> None:
    html = loaded(directory)._repr_html_()
    words = re.sub(r"<[^>]+>", " ", html).split()
    assert words[:3] == ["Flagged:", "needs", "a"]
    assert "10 of 12 scans converged; 1 flagged, 1 failed." in html
    assert "Flagged: 4" in html and "Failed: 7" in html and "W105 another anode: look" in html
    assert "R_wp &lt;stands&gt; out" in html and "<stands>" not in html
    assert repr(loaded(directory)).startswith("Flagged: needs a look. 10 of 12 scans converged")


def test_the_table_is_small_and_in_crystallographic_notation(directory: Path) -> None:
    cells = Cells(loaded(directory)._repr_html_())
    assert not cells.open
    head, *rows = cells.rows
    assert [row[0] for row in rows] == ["0", "1", "2", "3", "…", "8", "9", "10", "11"]
    assert rows[0][head.index("LFP a (Å)")] == "10.3290(7)"
    assert all(len(row) <= len(head) for row in rows)


def test_a_dataframe_is_the_table_of_the_run(directory: Path) -> None:
    frame = loaded(directory).to_dataframe()
    written = pd.read_csv(directory / "trajectories.csv", index_col="scan")
    assert list(frame.columns) == list(written.columns)
    assert frame.index.equals(written.index) and frame.index.name == "scan"
    for name in frame.columns:
        if frame[name].dtype == float:
            np.testing.assert_allclose(frame[name], written[name], rtol=1e-9)
        else:
            assert list(frame[name]) == list(written[name])
    assert frame.attrs["units"]["LFP_a"] == "Å" and frame.attrs["units"]["time_s"] == "s"
    assert frame.attrs["recipe_sha256"] == "abc"
    assert frame["FP_a"].isna().tolist()[:3] == [True, True, False]


def test_a_dataset_has_units_and_patterns(directory: Path) -> None:
    results = loaded(directory)
    dataset = results.to_xarray()
    assert isinstance(dataset, xr.Dataset)
    assert dataset["LFP_a"].attrs["units"] == "Å" and dataset.sizes == {"scan": 12, "two_theta": 301}
    np.testing.assert_array_equal(dataset["LFP_a"], results["LFP_a"])
    np.testing.assert_array_equal(dataset["observed"].sel(scan=5), results.curves(5).observed)
    assert np.isnan(dataset["observed"].sel(scan=7)).all()
    assert "observed" not in results.to_xarray(patterns=False)


@pytest.mark.parametrize(("library", "method"), [("pandas", "to_dataframe"), ("xarray", "to_xarray")])
def test_a_missing_library_is_named_with_its_extra(
    directory: Path, monkeypatch: pytest.MonkeyPatch, library: str, method: str
) -> None:
    results = loaded(directory)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=rf"E168 {library} is not installed.*operando-xrdfit\[notebook\]"):
        getattr(results, method)()


def test_figures_are_those_of_pyplot(directory: Path) -> None:
    results = loaded(directory)
    for draw in (results.plot_map, lambda: results.plot_fit(3), lambda: results.plot_trajectories(x="soc")[0]):
        drawn = draw()
        assert isinstance(drawn, Axes)
        assert plt.gcf() is drawn.figure
        plt.gcf().canvas.draw()
    assert len(plt.get_fignums()) == 3
    assert results.plot_map().get_xlabel() == "2θ (°)"
    assert "State of charge" in {panel.get_xlabel() for panel in results.plot_trajectories(x="soc")}


def test_what_is_not_there_is_bad_input(directory: Path, tmp_path: Path) -> None:
    results = loaded(directory)
    with pytest.raises(InputError, match=r"E199 no such column.*did you mean LFP_a"):
        results["LPF_a"]
    with pytest.raises(DataError, match="E116 no fitted pattern"):
        results.plot_fit(7)
    with pytest.raises(InputError, match="E192"):
        results.plot_trajectories(x="charge")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="E116 no results here"):
        xrdfit.load(tmp_path / "empty")
    with pytest.raises(InputError, match="E183"):
        xrdfit.load(directory, refine={"mode": "sequential"})
    whole = (directory / "series.h5").read_bytes()
    (directory / "series.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"series\.h5"):
        xrdfit.load(directory / "series.h5")


def test_results_without_a_converged_scan_say_so(tmp_path: Path) -> None:
    nothing = np.full(3, np.nan)
    outcome = np.array(["failed"] * 3, dtype=object)
    directory = write_results(tmp_path / "results", n_scans=3, changed={"outcome": outcome, "r_wp": nothing})
    results = loaded(directory)
    assert "Failed: no scan could be fitted" in results._repr_html_()
    assert results.to_xarray().sizes == {"scan": 3}
    for draw in (results.plot_map, results.plot_fit):
        with pytest.raises(DataError, match="E190"):
            draw()


def test_columns_are_looked_for_and_gone_through_by_name(directory: Path) -> None:
    results = loaded(directory)
    assert "LFP_a" in results and "LFP_q" not in results and 3 not in results
    assert list(results) == list(results.columns)
    with pytest.raises(InputError, match="E199 no such column"):
        results[3]  # type: ignore[index]


def test_a_scan_that_is_no_number_does_not_make_the_results_damaged(directory: Path) -> None:
    for ask in (loaded(directory).curves, loaded(directory).lines, loaded(directory).plot_fit):
        with pytest.raises(TypeError):
            ask("4")  # type: ignore[operator]
