"""Reading one pattern: every format by its content, every mistake by its name."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xrdfit.errors import DataError
from xrdfit.io import read_pattern, read_patterns

ROWS = [(20.0 + 0.02 * i, 100.0 + i, 10.0 + 0.1 * i) for i in range(20)]


def write(folder: Path, text: str, name: str = "scan.xy") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def table(separator: str = " ", *, columns: int = 3, decimal: str = ".", rows: list[tuple[float, ...]] = ROWS) -> str:
    lines = (separator.join(f"{value:.4f}".replace(".", decimal) for value in row[:columns]) for row in rows)
    return "\n".join(lines) + "\n"


def code_of(path: Path) -> tuple[str, str]:
    with pytest.raises(DataError) as caught:
        read_pattern(path)
    assert str(caught.value).count(" · ") == 3
    return caught.value.problems[0].code, str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        table(),
        table("\t"),
        table(", "),
        table(","),
        table(";"),
        table(";", decimal=","),
        table(" ", decimal=","),
        table("\t", decimal=","),
        "# made by hand\n! another comment\n\n" + table(),
        "2theta,counts,esd\n" + table(","),
        "\ufeffAngle;Intensity;Error\r\n" + table(";").replace("\n", "\r\n"),
        "LFP cell 7, charge\n" + table("   "),
    ],
)
def test_separators_decimal_marks_and_headers_do_not_change_what_is_read(tmp_path: Path, text: str) -> None:
    pattern = read_pattern(write(tmp_path, text))
    expected = np.array(ROWS).T
    assert pattern.sigma is not None
    np.testing.assert_allclose([pattern.two_theta, pattern.intensity, pattern.sigma], expected, rtol=0, atol=5e-5)
    assert pattern.mask.all()


@settings(max_examples=25, deadline=None)
@given(
    step=hnp.arrays(np.float64, st.integers(10, 60), elements=st.floats(1e-3, 0.5)),
    level=st.floats(1e-3, 1e7),
    separator=st.sampled_from([" ", "\t", ",", ";", ", "]),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_written_is_read_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, step: np.ndarray, level: float, separator: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    two_theta = 5.0 + np.cumsum(step)
    # A third column as large as the second would not be taken for its error.
    intensity, sigma = rng.normal(level, level, step.size), level * rng.uniform(1e-3, 0.1, step.size)
    rows = zip(two_theta, intensity, sigma, strict=True)
    text = "\n".join(separator.join(repr(float(value)) for value in row) for row in rows)
    pattern = read_pattern(write(tmp_path_factory.mktemp("t"), text))
    assert np.array_equal(pattern.two_theta, two_theta)
    assert np.array_equal(pattern.intensity, intensity)
    assert pattern.sigma is not None and np.array_equal(pattern.sigma, sigma)


def test_columns_are_found_by_name_and_a_background_column_is_no_sigma(tmp_path: Path) -> None:
    text = "scan_time,counts,background,two_theta\n" + table(
        ",", columns=4, rows=[(i, *r[1:], r[0]) for i, r in enumerate(ROWS)]
    )
    pattern = read_pattern(write(tmp_path, text, "scan.csv"))
    assert pattern.two_theta[0] == 20.0 and pattern.intensity[0] == 100.0 and pattern.sigma is None


def test_fullprof_instrm_spreads_intensities_over_lines_as_it_likes(tmp_path: Path) -> None:
    values = [f"{row[1]:.1f}" for row in ROWS]
    text = "20.0 0.02 20.38 sample at rest\n" + "\n".join(" ".join(values[i : i + 7]) for i in range(0, 20, 7))
    pattern = read_pattern(write(tmp_path, text, "scan.dat"))
    np.testing.assert_allclose(pattern.two_theta, [row[0] for row in ROWS], atol=1e-12)
    assert pattern.intensity.tolist() == [row[1] for row in ROWS]


def test_fullprof_xydata_factors_scale_angle_intensity_and_sigma(tmp_path: Path) -> None:
    head = "XYDATA sample\nINTER 1.0 2.0 0 0.02\nTEMP 300.0\n! comment\n! comment\n! comment\n"
    pattern = read_pattern(write(tmp_path, head + table(), "scan.dat"))
    assert pattern.intensity[0] == 200.0 and pattern.sigma is not None and pattern.sigma[0] == 20.0


def test_the_content_is_believed_before_the_suffix(tmp_path: Path) -> None:
    text = "title\n2-Theta Angle (Degrees)\nIntensity\n  20\n" + table(columns=2)
    assert read_pattern(write(tmp_path, text, "scan.xye")).sigma is None


def test_zero_sigma_and_nan_intensity_are_masked(tmp_path: Path) -> None:
    rows = [(x, np.nan if i == 3 else y, 0.0 if i == 5 else s) for i, (x, y, s) in enumerate(ROWS)]
    pattern = read_pattern(write(tmp_path, table(rows=rows)))
    assert np.flatnonzero(~pattern.mask).tolist() == [3, 5]


def replaced(row: int, column: int, value: float) -> str:
    rows = [list(row) for row in ROWS]
    rows[row][column] = value
    return table(rows=[tuple(row) for row in rows])


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "E102", "empty"),
        ("  \n \n", "E102", "empty"),
        ("# only\n# comments\n", "E102", "no data"),
        (table(columns=1), "E105", "1 column"),
        (table(columns=3, rows=ROWS).replace("20.1000", "20.1000 7.0"), "E105", "4 against 3"),
        ("\n".join("1 2 3 4 5" for _ in range(12)), "E105", "5 columns"),
        (table().replace("105.0000", "1O5"), "E106", "'1O5' against a number"),
        ("to be or not to be\n" * 20, "E106", "no rows of numbers"),
        (table(rows=[*ROWS[:9][::-1], *ROWS[9:]]), "E107", "steps back"),
        (table(rows=[*ROWS[:9], ROWS[8], *ROWS[9:]]), "E107", "repeated"),
        (table(rows=ROWS + ROWS), "E107", "steps back"),
        (replaced(4, 0, np.nan), "E106", "point 5"),
        (table(rows=ROWS[:6]), "E108", "6 points"),
        (table(rows=[(x, np.nan, s) for x, _, s in ROWS]), "E108", "0 of 20"),
        (table(rows=[(x, y, 0.0) for x, y, _ in ROWS]), "E108", "0 of 20"),
        (replaced(7, 2, -1.0), "E109", "-1 at point 8"),
        (table(",", decimal=",", columns=2), "E110", "commas"),
        ("20.00 1,234.5\n20.02 1,235.5\n" * 8, "E110", "mixed"),
        (table(rows=[(10 * x, y, s) for x, y, s in ROWS]), "E114", "180 deg"),
        ("# q_A^-1  I\n" + table(columns=2), "E114", "wavelength is not known"),
        ("# d spacing [A]  I\n" + table(columns=2), "E114", "d spacing"),
        ("title\nQ Space\nIntensity\n  20\n" + table(columns=2), "E114", "Q Space"),
        ("title\n2-Theta\nIntensity\n  30\n" + table(columns=2), "E113", "20 rows against 30"),
        ("20.0 0.02 20.40\n" + table(columns=1), "E113", "20 against 21"),
        ("\x00\x01\x02", "E104", "binary"),
    ],
)
def test_a_mistake_is_named_with_code_and_place(tmp_path: Path, text: str, code: str, says: str) -> None:
    found, message = code_of(write(tmp_path, text))
    assert found == code
    assert says in message


@pytest.mark.parametrize("columns", [("intensity", "two_theta"), ("intensity", "two_theta", "sigma")])
@pytest.mark.parametrize("turn", [1, -1])
def test_exchanged_columns_are_told_with_what_to_write(tmp_path: Path, columns: tuple[str, ...], turn: int) -> None:
    rows = [(100.0 + i * (-1) ** i, x, s) for i, (x, _, s) in enumerate(ROWS)][::turn]
    path = write(tmp_path, table(rows=rows, columns=len(columns)))
    found, message = code_of(path)
    assert found == "E107" and "2theta and intensity seem to be exchanged" in message
    assert "columns = [" + ", ".join(f'"{name}"' for name in columns) + "]" in message
    assert read_patterns(path, columns=columns)[0].two_theta[0] == 20.0


def test_rows_from_the_highest_angle_down_are_the_same_pattern(tmp_path: Path) -> None:
    turned, straight = (read_pattern(write(tmp_path, table(rows=rows))) for rows in (ROWS[::-1], ROWS))
    for name in ("two_theta", "intensity", "sigma", "mask"):
        np.testing.assert_array_equal(getattr(turned, name), getattr(straight, name))


def test_the_wrong_line_is_counted_as_an_editor_counts(tmp_path: Path) -> None:
    _, message = code_of(write(tmp_path, "# head\n\n" + table().replace("105.0000", "oops")))
    assert "scan.xy:8" in message


def test_a_missing_file_and_a_folder_are_problems_not_tracebacks(tmp_path: Path) -> None:
    assert code_of(tmp_path / "no.xy")[0] == "E101"
    assert code_of(tmp_path)[0] == "E101"


def test_measured_files_of_four_instruments_are_read(real_data: Path, tmp_path: Path) -> None:
    chi = read_pattern(next((real_data / "ti64-heating").glob("*.chi")))
    assert chi.two_theta.size == 1500 and chi.two_theta[0] == 3.0 and chi.sigma is None
    raw = read_pattern(real_data / "pbso4-lab" / "230803_PbSO4raw.dat")
    assert raw.two_theta.size == 4751 and raw.two_theta[-1] == pytest.approx(100.0) and raw.intensity[0] == 0.5
    corrected = read_pattern(real_data / "pbso4-lab" / "geom-corrected.dat")
    np.testing.assert_allclose(corrected.two_theta, raw.two_theta, atol=1e-9)
    synchrotron = read_pattern(sorted((real_data / "lmfp-operando" / "xrd_data").glob("*.xye"))[0])
    assert synchrotron.two_theta.size == 16553 and synchrotron.sigma is not None
    with zipfile.ZipFile(real_data / "co2sio4-temperature" / "ed-26.zip") as archive:
        neutron = read_pattern(archive.extract("all594842.dat", tmp_path))
    assert neutron.sigma is not None and neutron.sigma[0] == 31.828
    assert np.flatnonzero(~neutron.mask).tolist() == [1505, 1506]


def _peaks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angles, counts with lines on a background, and what was expected."""
    x = np.linspace(20.0, 38.0, 600)
    expected = 80.0 + 4000.0 * np.exp(-(((x - 25.0) / 0.1) ** 2)) + 900.0 * np.exp(-(((x - 33.0) / 0.1) ** 2))
    return x, np.random.default_rng(3).poisson(expected).astype(float), expected


def _three(x: np.ndarray, y: np.ndarray, third: np.ndarray) -> str:
    return "".join(f"{a:.4f} {b:.6g} {c:.6g}\n" for a, b, c in zip(x, y, third, strict=True))


@pytest.mark.parametrize("third", ["calculated", "background"])
def test_a_third_column_as_large_as_the_intensity_is_not_taken_for_its_error(tmp_path: Path, third: str) -> None:
    x, y, expected = _peaks()
    path = write(tmp_path, _three(x, y, expected if third == "calculated" else np.full(x.size, 80.0)))
    found, message = code_of(path)
    assert found == "E109" and 'columns = ["two_theta", "intensity"] under [data]' in message
    (settled,) = read_patterns(path, columns=("two_theta", "intensity"))
    assert settled.sigma is None and np.array_equal(settled.intensity, y)
    (forced,) = read_patterns(path, columns=("two_theta", "intensity", "sigma"))
    assert forced.sigma is not None


@pytest.mark.parametrize("scale", [1.0, 0.01, 1e-3])
@pytest.mark.parametrize("faint", [False, True])
def test_errors_of_counts_are_believed_however_few_and_whatever_their_unit(
    tmp_path: Path, scale: float, faint: bool
) -> None:
    x, y, expected = _peaks()
    counts = np.random.default_rng(4).poisson(expected / 80.0).astype(float) if faint else y
    pattern = read_pattern(write(tmp_path, _three(x, scale * counts, scale * np.sqrt(counts))))
    assert pattern.sigma is not None
    background_gone = _three(x, counts - (1.0 if faint else 80.0), np.sqrt(counts + 1.0))
    assert read_pattern(write(tmp_path, background_gone)).sigma is not None


def test_four_columns_without_names_are_settled_by_the_recipe(tmp_path: Path) -> None:
    x, y, expected = _peaks()
    rows = "".join(f"{a:.4f} {b:g} {c:g} 80\n" for a, b, c in zip(x, y, expected, strict=True))
    path = write(tmp_path, rows)
    found, message = code_of(path)
    assert found == "E105" and "under [data]" in message
    (pattern,) = read_patterns(path, columns=("two_theta", "intensity", "-"))
    assert pattern.sigma is None and np.array_equal(pattern.intensity, y)
    with pytest.raises(DataError, match="E105 fewer columns than"):
        read_patterns(path, columns=("-", "-", "-", "two_theta", "intensity"))


def test_a_last_number_that_may_have_lost_its_end_is_masked(tmp_path: Path) -> None:
    whole = table(columns=2).rstrip("\n")
    turned = "\n".join(whole.split("\n")[::-1])
    for text in (whole, whole + "\n", whole[:-3] + "\n", turned):
        assert read_pattern(write(tmp_path, text)).mask.all()
    for text, place in ((whole[:-3], -1), (turned[:-6], 0)):
        pattern = read_pattern(write(tmp_path, text))
        assert np.flatnonzero(~pattern.mask).tolist() == [place % len(ROWS)]
        assert pattern.header is not None and "cut off" in pattern.header.remarks[-1]
