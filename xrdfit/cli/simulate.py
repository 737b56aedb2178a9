"""``xrdfit simulate``: a stack with known truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xrdfit.cli.import_files import refuse_existing
from xrdfit.cli.problems import input_error
from xrdfit.io import atomic_write
from xrdfit.simulate import find_scenario, parse_departures, simulate_stack, write_simulated


def run_simulate(
    output: Path,
    scenario: str,
    *,
    seed: int,
    n_scans: int,
    counts: float,
    sweep: bool,
    departures: Sequence[str],
    fresh: bool,
) -> int:
    """Write the stack, and beside it a recipe that refines it."""
    recipe = output.with_suffix(".toml")
    if recipe == output:
        raise input_error(
            "E187",
            "the stack would have the name of its recipe",
            where="-o",
            found=f"found {output.name} against a name such as {output.stem}.h5",
            todo="give the stack's name; the recipe gets .toml",
        )
    for path in (output, recipe):
        refuse_existing(path, fresh=fresh)
    simulated = simulate_stack(
        find_scenario(scenario),
        seed=seed,
        n_scans=n_scans,
        counts=counts,
        sweep=sweep,
        departures=parse_departures(departures),
    )
    write_simulated(output, simulated)
    atomic_write(recipe, simulated.recipe_text.replace('"stack.h5"', f'"{output.name}"'))
    told = f"scenario {scenario}" + "".join(f", {word}" for word in simulated.departures.words.split())
    print(f"{output}: {len(simulated)} scans, {told}, seed {seed}, truth in /entry/truth; recipe: {recipe}")
    return 0
