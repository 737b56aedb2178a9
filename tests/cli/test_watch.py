"""Watching a series that is being written: nothing is lost, nothing doubled, and mistakes are told at once."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import Result

from tests.recipes import sequential
from xrdfit.cli import refine as refine_verb
from xrdfit.data import Pattern
from xrdfit.io import read_results
from xrdfit.live import Ledger
from xrdfit.simulate import WELL_BEHAVED, SimulatedStack, simulate_stack

Xrdfit = Callable[..., Result]
N_SCANS = 12
QUICK = ("--poll", "0.05", "--until-idle", "0.6")


@pytest.fixture(scope="module")
def simulated() -> SimulatedStack:
    return simulate_stack(WELL_BEHAVED, seed=5, n_scans=N_SCANS)


@pytest.fixture(autouse=True)
def neither_figures_nor_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refine_verb, "results_figures", lambda *_: None)
    monkeypatch.setattr(refine_verb, "write_report", lambda *_: None)


@pytest.fixture
def folder(tmp_path: Path, simulated: SimulatedStack) -> Path:
    """``cell.toml`` for scans in files, and ``stack.toml`` for a stack; neither is there yet."""
    (tmp_path / "scans").mkdir()
    text = sequential(simulated.recipe_text)
    (tmp_path / "stack.toml").write_text(text, encoding="utf-8")
    (tmp_path / "cell.toml").write_text(text.replace("stack.h5", "scans/*.xy"), encoding="utf-8")
    return tmp_path


def as_text(pattern: Pattern) -> bytes:
    rows = zip(pattern.two_theta, pattern.intensity, strict=True)
    return "".join(f"{angle:.4f} {counts:.1f}\n" for angle, counts in rows).encode()


def write_torn(path: Path, raw: bytes, pause_s: float, part: float = 0.5) -> None:
    """A file in two halves with a pause between them, as detectors and network drives leave it."""
    with path.open("wb") as file:
        file.write(raw[: int(part * len(raw))])
        file.flush()
        time.sleep(pause_s)
        file.write(raw[int(part * len(raw)) :])


def write_files(simulated: SimulatedStack, folder: Path, *, first: int = 0, pause_s: float = 0.03) -> None:
    for number in range(first, N_SCANS):
        write_torn(folder / "scans" / f"scan_{number}.xy", as_text(simulated.read(number)), pause_s)


def write_frames(simulated: SimulatedStack, path: Path, *, swmr: bool, meanwhile: Callable[[], bool]) -> None:
    """A stack that grows by frames; of each, the first half is there before the second.

    meanwhile : what must be so before more than half of them are written.
    """
    two_theta = simulated.read(0).two_theta
    with h5py.File(path, "w", libver="latest" if swmr else None) as file:
        entry = file.create_group("entry")
        file.attrs["default"] = "entry"
        entry.attrs.update({"NX_class": "NXentry", "default": "data"})
        data = entry.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "intensity", "axes": [".", "two_theta"]})
        axis = data.create_dataset("two_theta", data=two_theta)
        axis.attrs["units"] = "deg"
        rows = data.create_dataset(
            "intensity", (0, two_theta.size), maxshape=(None, two_theta.size), chunks=(1, two_theta.size), dtype="f8"
        )
        if swmr:
            file.swmr_mode = True
        half = two_theta.size // 2
        for number in range(N_SCANS):
            if number == N_SCANS // 2:
                wait_for(meanwhile)
            counts = simulated.read(number).intensity
            rows.resize(number + 1, axis=0)
            rows[number, :half] = counts[:half]
            rows.flush(), file.flush()
            time.sleep(0.03)
            rows[number, half:] = counts[half:]
            rows.flush(), file.flush()
            time.sleep(0.03)


def fitted(ledger: Path) -> list[str]:
    """Scans in the file of an interrupted watch, in the order in which they were fitted."""
    opened = Ledger(ledger)
    try:
        return [entry.source for entry in opened.entries()]
    finally:
        opened.close()


def started(folder: Path, recipe: str, *words: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-c", "from xrdfit.cli import main; main()", "watch", recipe, "-o", "out", *words]
    pipe = subprocess.PIPE
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(program, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.02)


def n_noted(ledger: Path) -> int:
    """Scans in a file that another process has open."""
    return len(re.findall(rb"\"(scan_\d+\.xy|stack.h5\[\d+\])\"", ledger.read_bytes()))


def is_there(path: Path, n_bytes: int) -> bool:
    return path.exists() and path.stat().st_size > n_bytes


def test_files_written_in_two_halves_are_all_fitted_once_and_refined_as_ever(
    folder: Path, simulated: SimulatedStack, xrdfit: Xrdfit
) -> None:
    writer = threading.Thread(target=write_files, args=(simulated, folder))
    writer.start()
    run = xrdfit("watch", folder / "cell.toml", "-o", folder / "out", *QUICK)
    writer.join()
    assert run.exit_code in (0, 1), run.output
    assert f"watch ended, {N_SCANS} scans fitted" in run.output
    stored = read_results(folder / "out")
    assert [str(source) for source in stored.columns["source"]] == [f"scan_{number}.xy" for number in range(N_SCANS)]
    assert not list(folder.glob(".out.*"))


@pytest.mark.parametrize("swmr", [False, True], ids=["plain", "SWMR"])
def test_frames_of_a_growing_stack_are_fitted_without_keeping_the_writer_out(
    folder: Path, simulated: SimulatedStack, swmr: bool
) -> None:
    ledger = folder / ".out.watch"
    run = started(folder, "stack.toml", "--poll", "0.05")
    try:
        write_frames(simulated, folder / "stack.h5", swmr=swmr, meanwhile=lambda: is_there(ledger, 0))
        wait_for(lambda: is_there(ledger, 0) and n_noted(ledger) >= N_SCANS)
    finally:
        run.kill()
        run.communicate()
    assert fitted(ledger) == [f"stack.h5[{number}]" for number in range(N_SCANS)]


def test_a_killed_watch_goes_on_and_loses_nothing_and_doubles_nothing(
    folder: Path, simulated: SimulatedStack, xrdfit: Xrdfit
) -> None:
    ledger = folder / ".out.watch"
    first = started(folder, "cell.toml", "--poll", "0.05")
    writer = threading.Thread(target=write_files, args=(simulated, folder))
    writer.start()
    wait_for(lambda: is_there(ledger, 0) and n_noted(ledger) > 3)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    writer.join()
    done = fitted(ledger)
    assert len(set(done)) == len(done)
    assert not (folder / "out").exists()
    second = xrdfit("watch", folder / "cell.toml", "-o", folder / "out", *QUICK)
    assert f"going on with an interrupted watch: {len(done)} scan" in second.output
    assert f"watch ended, {N_SCANS} scans fitted" in second.output


def test_ctrl_c_ends_a_watch_with_the_final_pass_and_the_page_tells(
    folder: Path, simulated: SimulatedStack, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        (folder / "scans" / f"scan_{number}.xy").write_bytes(as_text(simulated.read(number)))
    monkeypatch.setattr(secrets, "token_urlsafe", lambda n_bytes: "secret")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    states: list[dict[str, Any]] = []

    def read_page() -> None:
        pressed = False
        while not states or states[-1]["phase"] != "done":
            with suppress(OSError):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/secret/state?since=0", timeout=5) as answer:
                    states.append(json.load(answer))
                if states[-1]["scans"] == 4 and not pressed:
                    pressed = True
                    os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.02)

    reader = threading.Thread(target=read_page, daemon=True)
    reader.start()
    run = xrdfit("watch", folder / "cell.toml", "-o", folder / "out", "--poll", "0.05", "--port", port)
    reader.join(10.0)
    assert run.exit_code in (0, 1), run.output
    assert (folder / "out" / "trajectories.csv").exists()
    phases = list(dict.fromkeys(state["phase"] for state in states))
    assert phases == ["watching", "final", "done"]
    assert states[-1]["scans"] == 4


def test_a_file_that_never_becomes_readable_costs_itself_only(
    folder: Path, simulated: SimulatedStack, xrdfit: Xrdfit
) -> None:
    for number in range(5):
        (folder / "scans" / f"scan_{number}.xy").write_bytes(as_text(simulated.read(number)))
    (folder / "scans" / "scan_2b.xy").write_bytes(b"<html>404</html>\n")
    (folder / "scans" / "scan_9.xy").write_bytes(b"")
    run = xrdfit("watch", folder / "cell.toml", "-o", folder / "out", "--poll", "0.05", "--until-idle", "2")
    assert run.exit_code in (0, 1), run.output
    assert "W424 a file that cannot be read · scan_2b.xy" in run.output
    assert "left out · scan_2b.xy, scan_9.xy" in run.output
    assert len(read_results(folder / "out").columns["scan"]) == 5


def test_a_watch_may_begin_before_the_beam_is_there(folder: Path, simulated: SimulatedStack, xrdfit: Xrdfit) -> None:
    for number in range(5):
        pattern = simulated.read(number)
        dark = replace(pattern, intensity=np.zeros_like(pattern.intensity)) if number < 2 else pattern
        (folder / "scans" / f"scan_{number}.xy").write_bytes(as_text(dark))
    run = xrdfit("watch", folder / "cell.toml", "-o", folder / "out", *QUICK)
    assert run.exit_code in (0, 1), run.output
    outcomes = read_results(folder / "out").columns["outcome"]
    assert list(outcomes[:2]) == ["no_data", "no_data"]
    assert "no_data" not in outcomes[2:]


def nothing_written(folder: Path) -> bool:
    return sorted(path.name for path in folder.iterdir()) == ["cell.toml", "scans", "stack.toml"]


def test_a_missing_folder_is_told_at_once(folder: Path, xrdfit: Xrdfit) -> None:
    (folder / "scans").rename(folder / "scan")
    run = xrdfit("watch", folder / "cell.toml", *QUICK)
    assert run.exit_code == 2
    assert "E103" in run.stderr
    assert "no folder scans" in run.stderr


def test_a_mistake_in_what_the_recipe_names_is_told_before_the_first_scan(folder: Path, xrdfit: Xrdfit) -> None:
    text = (folder / "cell.toml").read_text(encoding="utf-8")
    cell = 'space_group = "Pnma"\ncell = [10.329, 6.0065, 4.6908]'
    assert cell in text
    (folder / "cell.toml").write_text(text.replace(cell, 'cif = "nowhere.cif"'), encoding="utf-8")
    run = xrdfit("watch", folder / "cell.toml", "--poll", "0.05")
    assert run.exit_code == 2
    assert "nowhere.cif" in run.stderr


def test_a_watch_to_which_nothing_comes_writes_nothing(folder: Path, xrdfit: Xrdfit) -> None:
    run = xrdfit("watch", folder / "cell.toml", *QUICK)
    assert run.exit_code == 2
    assert "E103" in run.stderr
    assert nothing_written(folder)


def test_a_port_that_is_taken_is_told_at_once(folder: Path, xrdfit: Xrdfit) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = xrdfit("watch", folder / "cell.toml", "--serve", "--port", taken.getsockname()[1], *QUICK)
    assert run.exit_code == 2
    assert "E178" in run.stderr
    assert nothing_written(folder)


def test_results_that_are_there_are_not_overwritten(folder: Path, simulated: SimulatedStack, xrdfit: Xrdfit) -> None:
    for number in range(4):
        (folder / "scans" / f"scan_{number}.xy").write_bytes(as_text(simulated.read(number)))
    assert xrdfit("refine", folder / "cell.toml", "-o", folder / "out").exit_code in (0, 1)
    before = (folder / "out" / "trajectories.csv").read_bytes()
    run = xrdfit("watch", folder / "cell.toml", "-o", folder / "out", *QUICK)
    assert run.exit_code == 2
    assert "E180" in run.stderr
    assert (folder / "out" / "trajectories.csv").read_bytes() == before
    assert xrdfit("watch", folder / "cell.toml", "-o", folder / "out", "--fresh", *QUICK).exit_code in (0, 1)


def test_an_interrupted_watch_of_another_recipe_is_not_gone_on_with(
    folder: Path, simulated: SimulatedStack, xrdfit: Xrdfit
) -> None:
    (folder / "scans" / "scan_0.xy").write_bytes(as_text(simulated.read(0)))
    ledger = Ledger(folder / ".out.watch")
    ledger.begin({"recipe": "another", "versions": {}}, fresh=False)
    ledger._journal.append(0, 1, b"something")
    ledger.close()
    run = xrdfit("watch", folder / "cell.toml", "-o", folder / "out", *QUICK)
    assert run.exit_code == 2
    assert "E184 an interrupted watch of something else" in run.stderr
    assert not (folder / "out").exists()


def test_a_stack_that_cannot_be_read_is_told_after_a_while(folder: Path, xrdfit: Xrdfit) -> None:
    (folder / "stack.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    run = xrdfit("watch", folder / "stack.toml", "--poll", "0.05")
    assert run.exit_code == 2
    assert "E111" in run.stderr
