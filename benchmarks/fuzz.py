"""Damaged files for every reader, for as long as wanted.

    python benchmarks/fuzz.py --minutes 30 --measured ../shared/data --save findings

Whole files of every kind are damaged at random, and HDF5 files written that are whole but nonsense; each is read in a
process of its own with a limit of memory and time. Anything but a value or a message of xrdfit is a finding, saved
under the name of its reader. Ends with the number of files that each reader was given.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzzing import fuzz, fuzz_hdf5, targets


def _seconds() -> float:
    """Computing time of this process and of those that have read."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="of computing")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", help="names of readers")
    parser.add_argument("--measured", type=Path, help="folder with measured files to begin from, too")
    parser.add_argument("--save", type=Path, default=Path("findings"))
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    found: dict[str, Counter[str]] = {}
    began = _seconds()
    with TemporaryDirectory() as name:
        folder = Path(name)
        readers = {
            key: partial(fuzz, target, target.settle(folder / key))
            for key, target in targets(folder, options.measured).items()
        }
        readers["hdf5 nonsense"] = partial(fuzz_hdf5, folder / "nonsense.h5")
        chosen = options.only or list(readers)
        turn = 0
        while _seconds() - began < 60.0 * options.minutes:
            for key in chosen:
                finding = readers[key](random.Random(f"{options.seed} {key} {turn}"))
                counts[key] += 1
                if finding is not None:
                    kind = finding.how.strip().splitlines()[-1][:200]
                    known = found.setdefault(key, Counter())
                    known[kind] += 1
                    if known[kind] == 1:
                        options.save.mkdir(parents=True, exist_ok=True)
                        place = options.save / f"{key.replace(' ', '-')}-{turn}"
                        place.write_bytes(finding.raw)
                        place.with_suffix(".txt").write_text(finding.how)
                        print(f"{key}: {kind} ({place})", flush=True)
            turn += 1
    minutes = (_seconds() - began) / 60.0
    print(f"{sum(counts.values())} files in {minutes:.1f} minutes")
    for key in chosen:
        print(f"  {key:20} {counts[key]:7} files, {sum(found.get(key, Counter()).values())} findings")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
