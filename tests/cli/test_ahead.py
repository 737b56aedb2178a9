"""What is compiled beside the process that refines a series."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FIRST = """
import sys
from pathlib import Path
from xrdfit.cli.ahead import fit_first, little_job
from xrdfit.kernels.compilation.ahead import calls_in

for kernel, _ in calls_in(lambda: fit_first(little_job(Path(sys.argv[1])))):
    print(kernel.__name__)
"""


def test_help_with_the_first_scan_goes_on_to_what_decides_on_its_phases(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    program = [sys.executable, "-c", FIRST, str(tmp_path)]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    kernels = done.stdout.split()
    # In the order in which the process that is helped needs them: it is met from the end.
    asked = ["minimise", "invert_over", "agreement_sums", "rise_with_only", "mean_fwhm", "position_blur"]
    assert [name for name in kernels if name in asked] == asked
