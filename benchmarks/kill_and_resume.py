"""Kills a run at random moments, resumes it, and compares the table with that of a run that nobody disturbed.

    python benchmarks/kill_and_resume.py --kills 50

Half of the runs are sequential, half joint, every third one with two workers. A run is killed once, or again and again
until it comes through (``--again``). Printed for each: when it was killed, what lay there then, what the resumed run
went on with, and whether ``trajectories.csv`` has the same bytes.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

MODES = ("sequential", "series")
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


def killed_after(folder: Path, seconds: float, mode: str, output: str, *words: str) -> bool:
    """Whether the run was still going on when it was killed, and its workers with it."""
    run = started(folder, mode, output, *words)
    time.sleep(seconds)
    alive = run.poll() is None
    os.killpg(run.pid, signal.SIGKILL) if alive else None
    run.communicate()
    return alive


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
        same = hit = went_on = 0
        for number in range(options.kills):
            mode, output = MODES[number % 2], f"run-{number}"
            words = ("--workers", "2") if number % 3 == 0 else ()
            moments = [rng.uniform(0.0, takes[mode]) for _ in range(options.again)]
            alive = [killed_after(folder, moment, mode, output, "--resume", *words) for moment in moments]
            lay = sorted(path.name.removeprefix(f".{output}.") for path in folder.glob(f".{output}.*"))
            told = finished(folder, mode, output, "--resume")
            line = next((line for line in told.splitlines() if line.startswith("going on")), "from the beginning")
            equal = table(folder, output) == undisturbed[mode] and not list(folder.glob(f".{output}.*"))
            same, hit, went_on = same + equal, hit + all(alive), went_on + line.startswith("going on")
            when = ", ".join(f"{moment:.1f}" for moment in moments)
            left = ", ".join(lay) or "nothing"
            verdict = "same bytes" if equal else "DIFFERENT"
            print(
                f"{number:3d} {mode:10s} killed after {when} of {takes[mode]:.1f} s, {left} left; {line}; {verdict}",
                flush=True,
            )
        print(f"{same} of {options.kills} byte-identical; {hit} killed before their end, {went_on} gone on with")
    sys.exit(same != options.kills)


if __name__ == "__main__":
    main()
