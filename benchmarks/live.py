"""A watch at work: frames from a writer that tears files, a watch that is killed in mid-run, and somebody at the page.

    python benchmarks/live.py --frames 500 --rate 5

Once for files and once for a growing HDF5 stack. A writer, a process of its own, writes every frame in two halves; the
watch is killed (SIGKILL) when half of them are there, and begun again. Meanwhile the page asks for its state four times
a second. Printed: frames fitted, lost and doubled, response times of the page, resident memory, greatest backlog.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py

from xrdfit.live import Ledger
from xrdfit.simulate import WELL_BEHAVED, SimulatedStack, simulate_stack

PROGRAM = (sys.executable, "-c", "from xrdfit.cli import main; main()")


def write(kind: str, folder: Path, n_frames: int, rate: float) -> None:
    """The writer: every frame in two halves, half of the time between frames apart."""
    simulated = simulate_stack(WELL_BEHAVED, seed=1, n_scans=n_frames)
    (files if kind == "files" else frames)(simulated, folder, rate)


def files(simulated: SimulatedStack, folder: Path, rate: float) -> None:
    began = time.monotonic()
    for number in range(len(simulated)):
        pattern = simulated.read(number)
        rows = zip(pattern.two_theta, pattern.intensity, strict=True)
        raw = "".join(f"{angle:.4f} {counts:.1f}\n" for angle, counts in rows).encode()
        with (folder / "scans" / f"scan_{number}.xy").open("wb") as file:
            half = len(raw) // 2 + number % 17  # in mid-number or at the end of a line
            file.write(raw[:half])
            file.flush()
            time.sleep(0.5 / rate)
            file.write(raw[half:])
        time.sleep(max(began + (number + 1) / rate - time.monotonic(), 0.0))


def frames(simulated: SimulatedStack, folder: Path, rate: float) -> None:
    two_theta = simulated.read(0).two_theta
    began = time.monotonic()
    with h5py.File(folder / "stack.h5", "w") as file:
        data = file.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "intensity", "axes": [".", "two_theta"]})
        data.create_dataset("two_theta", data=two_theta).attrs["units"] = "deg"
        n_points = two_theta.size
        rows = data.create_dataset(
            "intensity", (0, n_points), maxshape=(None, n_points), chunks=(1, n_points), dtype="f8"
        )
        for number in range(len(simulated)):
            counts = simulated.read(number).intensity
            half = n_points // 2 + number % 17
            rows.resize(number + 1, axis=0)
            rows[number, :half] = counts[:half]
            file.flush()
            time.sleep(0.5 / rate)
            rows[number, half:] = counts[half:]
            file.flush()
            time.sleep(max(began + (number + 1) / rate - time.monotonic(), 0.0))


@dataclass
class Reader:
    """Somebody at the page."""

    seconds: list[float] = field(default_factory=list)
    backlog: list[int] = field(default_factory=list)
    memory: dict[int, float] = field(default_factory=dict)
    scans: int = 0
    phase: str = ""
    process: subprocess.Popen[str] | None = None
    address: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        revision = 0
        while not self.ended.wait(0.25):
            began = time.monotonic()
            with suppress(OSError, ValueError):
                with urllib.request.urlopen(f"{self.address}state?since={revision}", timeout=10) as answer:
                    state = json.load(answer)
                revision, self.scans, self.phase = state["revision"], state["scans"], state["phase"]
                if self.phase == "watching":
                    self.seconds.append(time.monotonic() - began)
                    self.backlog.append(state["backlog"] + state["waiting"])
                    self._weigh()

    def _weigh(self) -> None:
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                self.memory[self.scans] = int(line.split()[1]) / 1024.0


def begin(folder: Path, reader: Reader, *words: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    line = (*PROGRAM, "watch", "cell.toml", "-o", "out", "--serve", *words)
    run = subprocess.Popen(line, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    reader.process, reader.address = run, run.stdout.readline().split()[-1]
    threading.Thread(target=lambda: [print("   ", told.rstrip()) for told in run.stdout or ()], daemon=True).start()
    return run


def measured(kind: str, folder: Path, n_frames: int, rate: float) -> None:
    text = simulate_stack(WELL_BEHAVED, seed=1, n_scans=2).recipe_text
    (folder / "scans").mkdir()
    (folder / "cell.toml").write_text(
        text.replace("stack.h5", "scans/*.xy") if kind == "files" else text, encoding="utf-8"
    )
    writer = multiprocessing.get_context("spawn").Process(target=write, args=(kind, folder, n_frames, rate))
    reader = Reader()
    first = begin(folder, reader)
    reading = threading.Thread(target=reader.run)
    reading.start()
    writer.start()
    while reader.scans < n_frames // 2:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    killed_at = len(kept(folder))
    second = begin(folder, reader, "--until-idle", "10")
    writer.join()
    while reader.phase == "watching" or reader.scans < n_frames:
        time.sleep(0.05)
    reader.ended.set()
    reading.join()
    second.send_signal(signal.SIGKILL)
    second.wait()
    scans = Counter(kept(folder))
    again = sum(count - 1 for count in scans.values())
    print(f"{kind}: killed with {killed_at} scans fitted, begun again")
    print(f"  fitted {len(scans)} of {n_frames}, lost {n_frames - len(scans)}, fitted twice {again}")
    median, most = statistics.median(reader.seconds), max(reader.seconds)
    print(f"  page: {len(reader.seconds)} answers, median {1e3 * median:.1f} ms, longest {1e3 * most:.0f} ms")
    near = [min(reader.memory, key=lambda n: abs(n - int(part * n_frames))) for part in (0.2, 0.48, 0.6, 1.0)]
    print("  resident memory: " + ", ".join(f"{reader.memory[scans]:.0f} MB at {scans} scans" for scans in near))
    print(f"  greatest backlog, half-written frames included: {max(reader.backlog)}", flush=True)


def kept(folder: Path) -> list[str]:
    """Scans that a watch which was killed has left, in the order in which they were fitted."""
    ledger = Ledger(folder / ".out.watch")
    try:
        return [entry.source for entry in ledger.entries()]
    finally:
        ledger.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--rate", type=float, default=5.0, help="Frames per second.")
    options = parser.parse_args()
    for kind in ("files", "frames"):
        with TemporaryDirectory() as name:
            measured(kind, Path(name), options.frames, options.rate)


if __name__ == "__main__":
    main()
