"""``python -m xrdfit.cli.ahead``: compile the kernels of a series, for processes beside the one that refines it.

That one compiles what it calls first; with the word ``last``, those are done first here that it calls last.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from xrdfit.kernels.compilation.ahead import calls_in, compile_calls
from xrdfit.recipe import build_job, load_recipe
from xrdfit.series import refine_series
from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

# deg 2theta; one line of each phase.
_RANGE = (29.4, 31.4)


def refine_little() -> None:
    """A series as small as can be: two scans of some forty points."""
    simulated = simulate_stack(replace(WELL_BEHAVED, first=_RANGE[0], step=0.05, n_points=41), seed=1, n_scans=2)
    with TemporaryDirectory() as folder:
        write_simulated(Path(folder) / "stack.h5", simulated)
        recipe = Path(folder) / "recipe.toml"
        recipe.write_text(simulated.recipe_text.replace("[20.0, 38.0]", str(list(_RANGE))), encoding="utf-8")
        refine_series(build_job(load_recipe(recipe)))


if __name__ == "__main__":
    first, *others = calls_in(refine_little)
    compile_calls([*reversed(others), first] if "last" in sys.argv else [*others, first])
