"""Kills a run at random moments, resumes it, and compares the table with that of a run that nobody disturbed.

    python benchmarks/kill_and_resume.py --kills 50

Half of the runs are sequential, half joint; every third one has two workers, every third one is killed while it writes
its results. A run that ends before it can be killed does not count: another moment is drawn. A run is killed once, or
again and again (``--again``). Printed for each: when it was killed, what lay there then, what the resumed run went on
with, and whether ``trajectories.csv`` has the same bytes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

MODES = ("sequential", "series")
# Part of a run that writing takes, generously.
_WRITING = 0.3
PROGRAM = (sys.executable, "-c", "from xrdfit.cli import main; main()")


def started(folder: Path, mode: str, output: str, *words: str) -> subprocess.Popen[str]:
    line = (*PROGRAM, "refine", f"{mode}.toml", "-o", output, *words)
    pipe = subprocess.PIPE
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        line, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


def finished(folder: Path, mode: str, output: str, *words: str) -> str:
    """Standard error of a run to its end."""
    run = started(folder, mode, output, *words)
    _, told = run.communicate()
    assert run.returncode in (0, 1), told
    return told


def seconds(folder: Path, mode: str, output: str) -> float:
    """What an undisturbed run takes."""
    began = time.monotonic()
    finished(folder, mode, output, "--fresh")
    return time.monotonic() - began


def killed(folder: Path, wait: Callable[[subprocess.Popen[str]], None], mode: str, output: str, *words: str) -> bool:
    """Whether the run was still going on when it was killed, and its workers with it."""
    run = started(folder, mode, output, *words)
    wait(run)
    alive = run.poll() is None
    if alive:
        os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    return alive and run.returncode == -signal.SIGKILL


def moment(folder: Path, output: str, rng: Random, takes: float, *, writing: bool) -> Callable[..., None]:
    """Waits for a random moment of a run, or of its end, when the first of the results are written."""

    def any_time(run: subprocess.Popen[str]) -> None:
        time.sleep(rng.uniform(0.0, takes))

    def when_writing(run: subprocess.Popen[str]) -> None:
        while run.poll() is None and not list(folder.glob(f".{output}.*/trajectories.csv")):
            time.sleep(0.002)
        time.sleep(rng.uniform(0.0, _WRITING * takes))

    return when_writing if writing else any_time


def table(folder: Path, output: str) -> bytes:
    return (folder / output / "trajectories.csv").read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--scans", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", type=int, default=1, help="How often each run is killed.")
    options = parser.parse_args()
    rng = Random(options.seed)
    with TemporaryDirectory() as name:
        folder = Path(name)
        simulated = simulate_stack(WELL_BEHAVED, seed=1, n_scans=options.scans)
        write_simulated(folder / "stack.h5", simulated)
        takes, undisturbed = {}, {}
        for mode in MODES:
            scopes = simulated.recipe_text.replace('= "drift"', '= "scan"' if mode == "sequential" else '= "drift"')
            (folder / f"{mode}.toml").write_text(f'{scopes}\n[refine]\nmode = "{mode}"\n', encoding="utf-8")
            takes[mode] = min(seconds(folder, mode, f"whole-{mode}") for _ in range(3))  # the first may compile kernels
            undisturbed[mode] = table(folder, f"whole-{mode}")
        same = went_on = too_late = 0
        for number in range(options.kills):
            mode, output = MODES[number % 2], f"run-{number}"
            words = ("--workers", "2") if number % 3 == 0 else ()
            ways = [number % 3 == 2] * options.again
            lives = missed = 0
            began = time.monotonic()
            while lives < len(ways):
                wait = moment(folder, output, rng, takes[mode], writing=ways[lives])
                if killed(folder, wait, mode, output, "--resume", *words):
                    lives += 1
                else:
                    missed, lives, began = missed + 1, 0, time.monotonic()
                    shutil.rmtree(folder / output)
            after = time.monotonic() - began
            lay = sorted(path.name.removeprefix(f".{output}.") for path in folder.glob(f".{output}.*"))
            told = finished(folder, mode, output, "--resume")
            line = next((line for line in told.splitlines() if line.startswith("going on")), "from the beginning")
            equal = table(folder, output) == undisturbed[mode] and not list(folder.glob(f".{output}.*"))
            same, went_on, too_late = same + equal, went_on + line.startswith("going on"), too_late + missed
            when = f"{'writing, ' if ways[0] else ''}{after:.1f}"
            left = ", ".join(lay) or "nothing"
            verdict = "same bytes" if equal else "DIFFERENT"
            print(
                f"{number:3d} {mode:10s} killed after {when} of {takes[mode]:.1f} s, {left} left; {line}; {verdict}",
                flush=True,
            )
        print(
            f"{same} of {options.kills} killed runs byte-identical, {went_on} gone on with; {too_late} ended before "
            "they could be killed and were drawn again"
        )
    sys.exit(same != options.kills)


if __name__ == "__main__":
    main()
