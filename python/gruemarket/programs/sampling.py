"""Programs drawn from their prior."""

from collections.abc import Sequence

import polars as pl

from gruemarket._core import sample_programs
from gruemarket.checks import whole
from gruemarket.programs import checks
from gruemarket.programs.machines import text


def sample(
    count: int,
    *,
    seed: int = 0,
    beyond: int = 0,
    alphabet: int = 2,
    memory: int = 64,
    steps: int = 1000,
    max_output: int = 32,
) -> pl.DataFrame:
    """Draws BrainPhoque programs: each token evenly, as the run first comes to it.

    So a program of n evaluated tokens comes with probability `7^-n`. Every draw weighs `1 / count`: sums of weights
    estimate prior mass without bias. With `beyond`, draws of at most so many tokens are left out: their mass is known
    from an enumeration of that depth, and the weights estimate the tail alone.

    Args:
        count: how many are drawn.
        seed: of all draws; each has a stream of its own, so more draws begin with the same ones.
        beyond: programs of at most so many evaluated tokens are left out; 0 leaves out none.
        alphabet: symbols, 2 to 256.
        memory: cells of the circular tape.
        steps: a run ends once it has taken so many.
        max_output: a run ends once it has printed so many symbols.

    Returns:
        `number` of the draw, `program`, `tokens`, `bits` (its code length), `behaviour`, `steps`, `cells`, `status`,
        `weight`.

    Raises:
        InputError: a number out of range.

    >>> sample(3, seed=1, max_output=4)["tokens"].min() > 0
    True
    """
    count, beyond = whole(count, "count", 1, checks.LARGEST), whole(beyond, "beyond", 0)
    limits = checks.limits(alphabet, memory, steps, max_output)
    drawn = sample_programs(0, count, whole(seed, "seed", 0, 2**64 - 1), limits)
    outputs: Sequence[bytes] = drawn.pop("output")
    frame = pl.DataFrame(drawn | {"behaviour": [text(output) for output in outputs]})
    bits = pl.col("tokens") * pl.lit(7.0).log(2)
    return (
        frame.with_row_index("number")
        .with_columns(bits.alias("bits"), pl.lit(1 / count).alias("weight"))
        .select("number", "program", "tokens", "bits", "behaviour", "steps", "cells", "status", "weight")
        .filter(pl.col("tokens") > beyond)
    )
