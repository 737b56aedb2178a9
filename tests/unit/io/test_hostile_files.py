"""Damaged and hostile files: a message, never a crash, a hang or memory without bounds."""

from __future__ import annotations

import io
import mmap
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import vendor_files as files
from xrdfit.errors import DataError
from xrdfit.io import content as content_module
from xrdfit.io import hdf5_heaps, open_stack, read_patterns, write_stack
from xrdfit.io.hdf5_stack import Hdf5Stack

GRID = np.linspace(10.0, 40.0, 50)
many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def attempt(path: Path, raw: bytes) -> None:
    """Patterns or a `DataError`; anything else is a failure."""
    path.write_bytes(raw)
    try:
        patterns = read_patterns(path)
    except DataError as error:
        assert str(error).count(" · ") >= 3
    else:
        assert all(pattern.two_theta.size == pattern.intensity.size for pattern in patterns)


@pytest.mark.parametrize("name", files.WRITTEN)
@many
@given(data=st.data())
def test_a_file_cut_anywhere_is_read_or_told(tmp_path: Path, name: str, data: st.DataObject) -> None:
    raw = files.WRITTEN[name].raw
    attempt(tmp_path / "cut", raw[: data.draw(st.integers(1, len(raw) - 1))])


@pytest.mark.parametrize("name", files.WRITTEN)
@many
@given(data=st.data())
def test_bytes_changed_anywhere_are_read_or_told(tmp_path: Path, name: str, data: st.DataObject) -> None:
    raw = bytearray(files.WRITTEN[name].raw)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        patch = data.draw(st.one_of(st.binary(min_size=1, max_size=8), st.just(b"\xff" * 8), st.just(b"\0" * 8)))
        raw[at : at + len(patch)] = patch
    attempt(tmp_path / "changed", bytes(raw))


@many
@given(
    head=st.sampled_from(
        [b"RAW1.01", b"RAW4.00", b"*RAS_", b"PK\x03\x04", b"<xrdMeasurements", b"data_a\n", b"BANK 1 9 "]
    ),
    rest=st.binary(max_size=2000),
)
def test_nonsense_behind_the_mark_of_a_format_is_told(tmp_path: Path, head: bytes, rest: bytes) -> None:
    attempt(tmp_path / "nonsense", head + rest)


@many
@given(text=st.text(alphabet="0123456789.,;-+eE \t\n#nainf", max_size=400))
def test_any_text_is_read_or_told(tmp_path: Path, text: str) -> None:
    attempt(tmp_path / "text.xy", text.encode())


def test_counts_of_points_are_checked_before_memory_is_taken(tmp_path: Path) -> None:
    v3, v4 = bytearray(files.raw3()), bytearray(files.raw4())
    struct.pack_into("<I", v3, 712 + 4, 2**31)
    struct.pack_into("<I", v4, 61 + 40 + 136 + 88, 2**31)
    for raw in (v3, v4):
        (tmp_path / "a.raw").write_bytes(raw)
        tracemalloc.start()
        with pytest.raises(DataError, match="cut short"):
            read_patterns(tmp_path / "a.raw")
        assert tracemalloc.get_traced_memory()[1] < 5e6
        tracemalloc.stop()


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE a [<!ENTITY x "y">]><xrdMeasurements>&x;</xrdMeasurements>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><xrdMeasurements/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><xrdMeasurements>&x;</xrdMeasurements>',
        '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">'
        '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]><xrdMeasurements>&c;</xrdMeasurements>',
        "<xrdMeasurements>" + "<a>" * 5000 + "</a>" * 5000 + "</xrdMeasurements>",
    ],
)
def test_entities_and_bottomless_xml_are_refused_before_they_are_followed(tmp_path: Path, document: str) -> None:
    (tmp_path / "a.xrdml").write_text(document)
    with pytest.raises(DataError, match="E118"):
        read_patterns(tmp_path / "a.xrdml")
    (tmp_path / "a.brml").write_bytes(files.zipped({"Experiment0/RawData0.xml": document}))
    with pytest.raises(DataError, match="E118"):
        read_patterns(tmp_path / "a.brml")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.brml").write_bytes(files.zipped({"Experiment0/RawData0.xml": b" " * 40_000_000}))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"E118 .* times its size"):
        read_patterns(tmp_path / "a.brml")
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def test_a_zip_that_lies_about_its_sizes_is_damaged(tmp_path: Path) -> None:
    raw = bytearray(files.zipped({"Experiment0/RawData0.xml": b"<RawData>" + b" " * 300_000 + b"</RawData>"}))
    directory = raw.rindex(b"PK\x01\x02")
    struct.pack_into("<I", raw, directory + 24, 100)
    (tmp_path / "a.brml").write_bytes(raw)
    with pytest.raises(DataError, match="E117"):
        read_patterns(tmp_path / "a.brml")


def test_names_in_a_zip_lead_nowhere(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with zipfile.ZipFile(io.BytesIO(files.brml())) as archive:
        scan = archive.read("Experiment0/RawData0.xml")
    (inside / "a.brml").write_bytes(files.zipped({"../../Experiment0/RawData0.xml": scan, "/etc/x": b"y"}))
    assert len(read_patterns(inside / "a.brml")) == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.brml", "inside"]


def test_a_file_larger_than_any_pattern_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_module, "MAXIMUM_BYTES", 1000)
    (tmp_path / "a.xy").write_text("1 2\n" * 500)
    with pytest.raises(DataError, match="E118"):
        read_patterns(tmp_path / "a.xy")


def stack_with(path: Path, *, axis_units: str = "deg", axis: np.ndarray = GRID) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "I", "axes": [".", "x"]})
        group["I"] = np.ones((2, axis.size))
        group["x"] = axis
        group["x"].attrs["units"] = axis_units


def problem(path: Path, **named: object) -> str:
    with pytest.raises(DataError) as caught:
        Hdf5Stack(path, **named)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize("kind", ["link", "soft to link", "virtual", "external storage"])
def test_data_outside_of_an_hdf5_file_are_followed_only_if_allowed(tmp_path: Path, kind: str) -> None:
    stack_with(tmp_path / "other.h5")
    stack_with(tmp_path / "s.h5")
    with h5py.File(tmp_path / "s.h5", "a") as file:
        group = file["entry/data"]
        del group["I"]
        if kind == "link":
            group["I"] = h5py.ExternalLink("other.h5", "/entry/data/I")
        elif kind == "soft to link":
            file["elsewhere"] = h5py.ExternalLink("other.h5", "/entry/data")
            group["I"] = h5py.SoftLink("/elsewhere/I")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape=(2, GRID.size), dtype="f8")
            layout[:] = h5py.VirtualSource("other.h5", "/entry/data/I", shape=(2, GRID.size))
            group.create_virtual_dataset("I", layout)
        else:
            (tmp_path / "raw.bin").write_bytes(np.ones((2, GRID.size)).tobytes())
            group.create_dataset(
                "I", (2, GRID.size), "f8", external=[(str(tmp_path / "raw.bin"), 0, h5py.h5f.UNLIMITED)]
            )
    message = problem(tmp_path / "s.h5")
    assert message.startswith("E119") and 'allow = ["external-links"]' in message
    assert Hdf5Stack(tmp_path / "s.h5", allow=["external-links"]).read(1).intensity[0] == 1.0


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    stack_with(tmp_path / "s.h5")
    with h5py.File(tmp_path / "s.h5", "a") as file:
        del file["entry/data/I"]
        file["entry/data/I"] = h5py.SoftLink("/entry/data/I")
        file.attrs["default"] = "entry"
        file["entry"].attrs["default"] = "."
    assert problem(tmp_path / "s.h5").startswith("E112")


def test_a_plugin_of_hdf5_is_named_and_not_loaded(tmp_path: Path) -> None:
    stack_with(tmp_path / "s.h5")
    with h5py.File(tmp_path / "s.h5", "a") as file:
        del file["entry/data/I"]
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((1, GRID.size))
        properties.set_filter(32008, h5py.h5z.FLAG_OPTIONAL, (0, 0))  # bitshuffle
        space = h5py.h5s.create_simple((2, GRID.size))
        h5py.h5d.create(file["entry/data"].id, b"I", h5py.h5t.IEEE_F64LE, space, dcpl=properties)
    message = problem(tmp_path / "s.h5")
    assert message.startswith("E119") and "32008" in message and "hdf5-plugins" in message


def test_chunks_beyond_any_pattern_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "I", "axes": [".", "two_theta"]})
        group.create_dataset("I", shape=(200_000, 1000), chunks=(200_000, 1000), dtype="f8", compression="gzip")
        group["two_theta"] = np.linspace(1.0, 90.0, 1000)
    assert problem(tmp_path / "s.h5").startswith("E118")


@pytest.mark.parametrize(("unit", "factor"), [("q_nm^-1", 10.0), ("q_A^-1", 1.0), ("1/angstrom", 1.0), ("nm⁻¹", 10.0)])
def test_q_becomes_two_theta_with_the_wavelength_of_recipe_or_file(tmp_path: Path, unit: str, factor: float) -> None:
    q = 4.0 * np.pi * np.sin(np.radians(GRID / 2.0)) / 0.5
    stack_with(tmp_path / "s.h5", axis_units=unit, axis=q * factor)
    assert "wavelength is not known" in problem(tmp_path / "s.h5")
    np.testing.assert_allclose(Hdf5Stack(tmp_path / "s.h5", wavelength=0.5).read(0).two_theta, GRID)
    for name, value, units in (
        ("entry/instrument/monochromator/wavelength", 0.05, "nm"),
        ("entry/instrument/beam/energy", 12.398419843320026 / 0.5, "keV"),
    ):
        with h5py.File(tmp_path / "s.h5", "a") as file:
            file[name] = value
            file[name].attrs["units"] = units
        pattern = Hdf5Stack(tmp_path / "s.h5").read(1)
        np.testing.assert_allclose(pattern.two_theta, GRID)
        assert pattern.header is not None and pattern.header.wavelengths == (pytest.approx(0.5),)
        with h5py.File(tmp_path / "s.h5", "a") as file:
            del file[name]
    with h5py.File(tmp_path / "s.h5", "a") as file:
        file["entry/pyFAI/configuration/data"] = '{"poni": {"wavelength": 5e-11}}'
    np.testing.assert_allclose(Hdf5Stack(tmp_path / "s.h5").read(0).two_theta, GRID)


def test_a_truncated_stack_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.xrdml").write_bytes(files.xrdml(n_scans=2))
    stack = open_stack("a.xrdml", base=tmp_path)
    write_stack(tmp_path / "s.h5", (stack.read(scan) for scan in range(2)))
    raw = (tmp_path / "s.h5").read_bytes()
    for share in (0.1, 0.4, 0.7, 0.95):
        (tmp_path / "cut.h5").write_bytes(raw[: int(share * len(raw))])
        assert problem(tmp_path / "cut.h5").startswith("E11")


def test_damage_anywhere_in_the_structure_of_a_stack_is_told(tmp_path: Path) -> None:
    stack_with(tmp_path / "s.h5")
    raw = (tmp_path / "s.h5").read_bytes()
    # Not beyond: there lie the lengths of texts, for which the HDF5 library takes the memory they ask for.
    for at in range(96, 2900, 28):
        damaged = bytearray(raw)
        damaged[at : at + 4] = b"\xff" * 4
        (tmp_path / "damaged.h5").write_bytes(damaged)
        try:
            Hdf5Stack(tmp_path / "damaged.h5").read(0)
        except DataError as error:
            assert str(error).startswith("E1")


def test_texts_of_hdf5_that_have_no_end_are_told_before_hdf5_goes_round_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "stack.h5"
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
    raw = bytearray(path.read_bytes())
    heap = raw.index(b"GCOL")
    assert raw[heap + 32 : heap + 37] == b"entry"
    # The entry behind the only text: free space, of which the size is what it must not be.
    struct.pack_into("<HHIQ", raw, heap + 40, 0, 0, 0, 0)
    path.write_bytes(raw)
    with pytest.raises(DataError, match="texts that have no end"):
        Hdf5Stack(path)


@pytest.mark.parametrize("offset", [-4, 0, 100])
def test_texts_without_end_are_found_wherever_in_a_large_file_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offset: int
) -> None:
    window = 4 * mmap.PAGESIZE
    monkeypatch.setattr(hdf5_heaps, "_WINDOW", window)
    collection = b"GCOL\x01\0\0\0" + struct.pack("<Q", 64)
    for entry, ends in ((struct.pack("<HHIQ", 0, 0, 0, 48), True), (struct.pack("<HHIQ", 0, 0, 0, 0), False)):
        content = bytearray(3 * window + 100)
        content[2 * window + offset : 2 * window + offset + 32] = collection + entry
        (tmp_path / "large.h5").write_bytes(content)
        assert hdf5_heaps.heaps_end(tmp_path / "large.h5") is ends


def test_more_scans_than_anyone_measures_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "stack.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("data")
        group.attrs["NX_class"] = "NXdata"
        group.create_dataset("intensity", (10**12, 50), "f8", chunks=(1, 50))
        group["two_theta"] = GRID
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="beyond the limits"):
        Hdf5Stack(path)


def test_groups_below_groups_without_end_and_in_a_circle_cost_no_time(tmp_path: Path) -> None:
    path = tmp_path / "stack.h5"
    with h5py.File(path, "w") as file:
        write_group(file, "data")
        group = file["data"]
        for _ in range(500):
            group = group.create_group("d")
        group["again"] = file["/"]
    began = time.process_time()
    assert len(Hdf5Stack(path)) == 2
    assert time.process_time() - began < 1.0


def test_a_message_does_not_repeat_megabytes_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "stack.h5"
    with h5py.File(path, "w") as file:
        group = write_group(file, "data")
        group["start_time"] = ["x" * 1_000_000, "2026-05-02"]
    with pytest.raises(DataError) as caught:
        Hdf5Stack(path)
    assert len(str(caught.value)) < 10_000


def write_group(file: h5py.File, name: str) -> h5py.Group:
    """Two scans as a beamline writes them."""
    group = file.create_group(name)
    group.attrs["NX_class"] = "NXdata"
    group["intensity"] = np.ones((2, GRID.size))
    group["two_theta"] = GRID
    return group
