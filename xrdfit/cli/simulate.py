"""``xrdfit simulate``: a stack with known truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xrdfit.cli.bound import bounds_of, print_bounds
from xrdfit.cli.import_files import refuse_existing
from xrdfit.cli.problems import input_error
from xrdfit.io import atomic_write
from xrdfit.simulate import (
    SimulatedStack,
    cycler_table,
    find_scenario,
    parse_departures,
    simulate_stack,
    write_cycler,
    write_simulated,
)


def run_simulate(
    output: Path | None,
    scenario: str,
    *,
    seed: int,
    n_scans: int,
    counts: float,
    sweep: bool,
    departures: Sequence[str],
    bound: bool,
    fresh: bool,
    as_json: bool,
) -> int:
    """Write the stack, beside it the cycler's record and a recipe that refines it; say what errors the counts allow."""
    if output is None and not bound:
        raise input_error(
            "E189",
            "nothing to do",
            where="xrdfit simulate",
            found="found neither -o nor --bound against one of them",
            todo="name the stack with -o, or ask for the bound alone with --bound",
        )
    if output is not None:
        _refuse(output, fresh=fresh)
    simulated = simulate_stack(
        find_scenario(scenario),
        seed=seed,
        n_scans=n_scans,
        counts=counts,
        sweep=sweep,
        departures=parse_departures(departures),
    )
    told: dict[str, Any] = {}
    if output is not None:
        _write(output, simulated, quiet=as_json)
        told |= {"stack": str(output), "recipe": str(_recipe(output))}
    if bound:
        told["bound"] = bounds_of(simulated)
    if as_json:
        print(json.dumps(told))
    elif bound:
        print_bounds(told["bound"])
    return 0


def _recipe(output: Path) -> Path:
    return output.with_suffix(".toml")


def _cycler(output: Path) -> Path:
    return output.with_suffix(".mpt")


def _refuse(output: Path, *, fresh: bool) -> None:
    recipe = _recipe(output)
    if output in (recipe, _cycler(output)):
        raise input_error(
            "E187",
            "the stack would have the name of its recipe or of the cycler's record",
            where="-o",
            found=f"found {output.name} against a name such as {output.stem}.h5",
            todo="give the stack's name; the recipe gets .toml, the record .mpt",
        )
    for path in (output, recipe, _cycler(output)):
        refuse_existing(path, fresh=fresh)


def _write(output: Path, simulated: SimulatedStack, *, quiet: bool) -> None:
    write_simulated(output, simulated)
    recipe = _recipe(output)
    write_cycler(_cycler(output), simulated)
    text = simulated.recipe_text.replace('"stack.h5"', f'"{output.name}"')
    atomic_write(recipe, text + cycler_table(_cycler(output).name))
    if not quiet:
        told = f"scenario {simulated.scenario.name}" + "".join(f", {w}" for w in simulated.departures.words.split())
        print(
            f"{output}: {len(simulated)} scans, {told}, seed {simulated.seed}, truth in /entry/truth; recipe: {recipe}"
        )
