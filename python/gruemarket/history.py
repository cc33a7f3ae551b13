"""What a curriculum leaves behind: nine tables, for one seed or several."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import polars as pl

from gruemarket import files
from gruemarket.errors import CheckpointError, InputError
from gruemarket.intervals import t_quantile


class Column(NamedTuple):
    """What stands in a column."""

    dtype: type[pl.DataType]
    meaning: str


Schema = Mapping[str, Column]

_SEED = Column(pl.Int64, "the seed of the run")
_STAGE = Column(pl.String, "name of the stage")
_BATCH = Column(pl.Int64, "index of the batch over the whole curriculum, from 0")
_ACCOUNT = Column(pl.String, "name of the account")
_WEALTH = Column(pl.Float64, "slow wealth, a share of all money (which is 1)")
_PROMPT = Column(pl.String, "the text that was to be continued; empty if there was none")

SCHEMAS: Mapping[str, Schema] = {
    "wealth": {
        "seed": _SEED,
        "stage": _STAGE,
        "batch": Column(pl.Int64, "index of the batch that was settled; -1 is before the first"),
        "episodes": Column(pl.Int64, "episodes settled so far, in all stages"),
        "account": _ACCOUNT,
        "wealth": _WEALTH,
        "log2_wealth": Column(pl.Float64, "log2 of the wealth, in bits; -inf for who holds nothing"),
    },
    "ledger": {
        "seed": _SEED,
        "stage": _STAGE,
        "batch": _BATCH,
        "cause": Column(pl.String, "settlement, grue tax, entry or reinforcement"),
        "from": Column(pl.String, "who paid: an account, or market, tax, reserve, entry, reinforcement"),
        "to": Column(pl.String, "who received: the same"),
        "amount": Column(pl.Float64, "a share of all money, > 0"),
    },
    "provenance": {
        "seed": _SEED,
        "account": _ACCOUNT,
        "wealth": _WEALTH,
        "never": Column(pl.Float64, "the part that no redefinition has reached; a column for each stage follows"),
    },
    "bits": {
        "seed": _SEED,
        "stage": _STAGE,
        "batch": _BATCH,
        "episode": Column(pl.Int64, "index of the episode over the whole curriculum, from 0"),
        "voice": Column(pl.String, "the episode's label"),
        "bytes": Column(pl.Int64, "length of the episode, in bytes"),
        "bits": Column(pl.Float64, "the market's code length of the episode, predicted before it learned from it"),
        "bits_per_byte": Column(pl.Float64, "bits / bytes"),
    },
    "definitions": {
        "seed": _SEED,
        "account": _ACCOUNT,
        "definition": Column(pl.String, "the most probable history of redefinitions, as a rule"),
        "tax_bits": Column(pl.Float64, "what that history cost, in bits"),
        "wealth": _WEALTH,
    },
    "samples": {
        "seed": _SEED,
        "stage": Column(pl.String, "the stage after which it was drawn, or before"),
        "prompt": _PROMPT,
        "text": Column(pl.String, "the continuation"),
        "bits": Column(pl.Float64, "the market's code length of the continuation"),
        "bytes": Column(pl.Int64, "its length, in bytes"),
        "account": Column(pl.String, "the account with the most fast wealth at its end"),
        "responsibility": Column(pl.Float64, "that account's share of the fast wealth"),
    },
    "rewards": {
        "seed": _SEED,
        "stage": _STAGE,
        "batch": Column(pl.Int64, "index of the batch over the whole curriculum: one step of reinforcement"),
        "prompt": _PROMPT,
        "text": Column(pl.String, "the rollout; null where the exact replicator has gone over all of them"),
        "reward": Column(pl.Float64, "what it was dealt, before the penalty of beta; what the replicator expects"),
        "advantage": Column(pl.Float64, "the reward less its group's mean, perhaps scaled"),
        "scale": Column(pl.Float64, "the factor, at most 1, that kept the step from overdrawing an account"),
    },
    "evaluation": {
        "seed": _SEED,
        "stage": Column(pl.String, "the stage after which it was measured, or before"),
        "voice": Column(pl.String, "the voice of the held-out documents"),
        "account": Column(pl.String, "who predicted them: market, or an account"),
        "bytes": Column(pl.Int64, "length of the documents, in bytes"),
        "bits": Column(pl.Float64, "code length of the documents; nothing was learned from them"),
        "bits_per_byte": Column(pl.Float64, "bits / bytes"),
    },
    "stages": {
        "seed": _SEED,
        "stage": _STAGE,
        "kind": Column(pl.String, "Pretrain, FineTune or Reinforce"),
        "first_batch": Column(pl.Int64, "its first batch"),
        "last_batch": Column(pl.Int64, "its last batch, inclusive"),
        "episodes": Column(pl.Int64, "episodes settled in it"),
    },
}
"""Every table's columns, in order: type, meaning and unit. `provenance` has one more Float64 column a stage."""

FILES: Mapping[str, str] = {name: f"{'rounds' if name == 'bits' else name}.parquet" for name in SCHEMAS}
"""The file of each table in a run directory."""

# What `interval` takes the mean of, and the columns that tell its rows apart; (bits, bytes) is their ratio, in all.
_MEASURES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "wealth": (("wealth",), ("stage", "batch", "account")),
    "log2_wealth": (("log2_wealth",), ("stage", "batch", "account")),
    "bits": (("bits", "bytes"), ("stage", "voice")),
    "evaluation": (("bits", "bytes"), ("stage", "voice", "account")),
    "rewards": (("reward",), ("stage", "batch")),
}


def empty(table: str) -> pl.DataFrame:
    """The table without rows."""
    return pl.DataFrame(schema={name: column.dtype for name, column in SCHEMAS[table].items()})


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """What happened in a curriculum, as Polars frames; `SCHEMAS` says what stands in their columns.

    Attributes:
        wealth: every account's money after every batch.
        ledger: every transfer, by cause.
        provenance: how much of the money was redefined, and in which stage.
        bits: the market's code length of every episode.
        definitions: the most probable histories of redefinitions.
        samples: what the market wrote before and after each stage.
        rewards: every rollout of reinforcement.
        evaluation: bits of held-out documents, for the market and each account, before and after each stage.
        stages: the batches of each stage.

    Raises:
        InputError: a column is missing, is unknown, or cannot be read as its type.

    >>> import gruemarket as gm
    >>> rows = [(1, "read", -1, 0, "a", 0.5, -1.0), (1, "read", 0, 16, "a", 0.25, -2.0)]
    >>> gm.History(wealth=pl.DataFrame(rows, list(SCHEMAS["wealth"]), orient="row"))
    History(seed 1: no stages, 1 account, 1 batch)
    """

    wealth: pl.DataFrame = field(default_factory=partial(empty, "wealth"))
    ledger: pl.DataFrame = field(default_factory=partial(empty, "ledger"))
    provenance: pl.DataFrame = field(default_factory=partial(empty, "provenance"))
    bits: pl.DataFrame = field(default_factory=partial(empty, "bits"))
    definitions: pl.DataFrame = field(default_factory=partial(empty, "definitions"))
    samples: pl.DataFrame = field(default_factory=partial(empty, "samples"))
    rewards: pl.DataFrame = field(default_factory=partial(empty, "rewards"))
    evaluation: pl.DataFrame = field(default_factory=partial(empty, "evaluation"))
    stages: pl.DataFrame = field(default_factory=partial(empty, "stages"))

    def __post_init__(self) -> None:
        for table in SCHEMAS:
            # a frozen dataclass has no other way to hold what was given in its proper types
            object.__setattr__(self, table, conform(table, getattr(self, table)))

    # --- What it is about

    @property
    def seeds(self) -> list[int]:
        """The seeds, ascending."""
        present = [frame["seed"] for frame in self._frames().values() if len(frame)]
        return pl.concat(present).unique().sort().to_list() if present else []

    @property
    def accounts(self) -> list[str]:
        """The accounts' names, in order of first appearance."""
        return self.wealth["account"].unique(maintain_order=True).to_list()

    @property
    def stage_names(self) -> list[str]:
        """The stages' names, in the order in which they were run."""
        return self.stages.sort("first_batch", maintain_order=True)["stage"].unique(maintain_order=True).to_list()

    def __repr__(self) -> str:
        seeds, batches = self.seeds, self.wealth.filter(pl.col("batch") >= 0)["batch"].n_unique()
        of = f"seed{'s' * (len(seeds) != 1)} {', '.join(map(str, seeds)) or 'none'}"
        stages = ", ".join(self.stage_names) or "no stages"
        return (
            f"History({of}: {stages}, {_count(len(self.accounts), 'account')}, {_count(batches, 'batch', 'batches')})"
        )

    def _frames(self) -> dict[str, pl.DataFrame]:
        return {item.name: getattr(self, item.name) for item in fields(self)}

    # --- Several seeds

    @classmethod
    def joined(cls, histories: Iterable[Self]) -> Self:
        """Several seeds' histories as one.

        Raises:
            InputError: none was given, or two of them hold the same seed.
        """
        given = list(histories)
        if not given:
            raise InputError("no histories to join; give one or more")
        seeds = [seed for history in given for seed in history.seeds]
        if twice := sorted({seed for seed in seeds if seeds.count(seed) > 1}):
            raise InputError(f"seed {twice[0]} stands in more than one of the histories; join runs of different seeds")
        return cls(**{table: _stacked([getattr(history, table) for history in given]) for table in SCHEMAS})

    def of_seed(self, seed: int) -> Self:
        """The part of one seed."""
        if seed not in self.seeds:
            raise InputError(f"seed {seed!r} is not in this history; its seeds are {self.seeds}")
        return type(self)(**{table: frame.filter(pl.col("seed") == seed) for table, frame in self._frames().items()})

    def interval(self, measure: str, by: Sequence[str] | None = None, *, level: float = 0.95) -> pl.DataFrame:
        """The mean over seeds of a measure, and the interval in which it lies with a probability of `level`.

        Each seed gives one number a row: the mean of its values, or all of its bits over all of its bytes. The interval
        is Student's, mean +- t s / sqrt(n) with n - 1 degrees of freedom, for n seeds whose numbers are normal.

        Args:
            measure: "wealth" (shares), "log2_wealth" (bits), "bits" or "evaluation" (bits per byte), "rewards".
            by: the columns that tell rows apart; None takes stage, batch and account, or what the table has of these.
            level: the probability, in (0, 1).

        Returns:
            The columns of `by`, then mean, low, high and seeds; low and high are null where there is one seed.

        Raises:
            InputError: an unknown measure or column, or a level outside of (0, 1).

        >>> import gruemarket as gm
        >>> rows = [(seed, "read", 0, 0, "x", 100, bits, bits / 100) for seed, bits in ((1, 200.0), (2, 220.0))]
        >>> gm.History(bits=pl.DataFrame(rows, list(SCHEMAS["bits"]), orient="row")).interval("bits").row(0)
        ('read', 'x', 2.1, 0.829..., 3.370..., 2)
        """
        if measure not in _MEASURES:
            raise InputError(f"measure {measure!r}; give one of {', '.join(_MEASURES)}")
        if not 0 < level < 1:
            raise InputError(f"level {level!r} is not between 0 and 1")
        values, usual = _MEASURES[measure]
        table = "wealth" if measure == "log2_wealth" else measure
        keys = list(usual if by is None else by)
        if unknown := [key for key in keys if key not in SCHEMAS[table]]:
            raise InputError(f"{table} has no column {unknown[0]!r}; its columns are {', '.join(SCHEMAS[table])}")
        frame: pl.DataFrame = getattr(self, table)
        one = pl.col(values[0]).mean() if len(values) == 1 else pl.col(values[0]).sum() / pl.col(values[1]).sum()
        by_seed = frame.group_by("seed", *keys, maintain_order=True).agg(one.alias("value"))
        return mean_and_interval(by_seed, "value", keys, level=level)

    # --- Saving

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Saves every table as zstd Parquet into a folder, which is made if need be: see `FILES`.

        Each file is written beside its place, synced and renamed, so that it is whole or the one from before.

        Raises:
            OSError: the folder cannot be written, or the disk is full.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for table, frame in self._frames().items():
            files.write_table(place / FILES[table], frame)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """The history that was saved to a folder.

        Raises:
            FileNotFoundError: there is no such folder, or a table is missing.
            CheckpointError: a table is damaged, or is not one of a history.
        """
        return cls(**{table: _read(table, Path(folder) / file) for table, file in FILES.items()})


def conform(table: str, given: Any) -> pl.DataFrame:
    """A frame with the columns and types of a table, in their order.

    Raises:
        InputError: it cannot be had.
    """
    if not isinstance(given, pl.DataFrame):
        raise InputError(f"{table}: {type(given).__name__} is not a Polars frame")
    wanted: dict[str, type[pl.DataType]] = {name: column.dtype for name, column in SCHEMAS[table].items()}
    more = [name for name in given.columns if name not in wanted]
    if missing := [name for name in wanted if name not in given.columns]:
        raise InputError(f"{table}: no column {missing[0]!r}; it has {', '.join(given.columns)}")
    if more and table != "provenance":
        raise InputError(f"{table}: unknown column {more[0]!r}; its columns are {', '.join(wanted)}")
    try:
        types = wanted | dict.fromkeys(more, pl.Float64)
        return given.select(pl.col(name).cast(dtype) for name, dtype in types.items())
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{table}: {error}") from error


def mean_and_interval(by_seed: pl.DataFrame, value: str, keys: Sequence[str], *, level: float = 0.95) -> pl.DataFrame:
    """Student's interval for the mean of `value` over the rows that share `keys`: one row a seed."""
    found = by_seed.group_by(*keys, maintain_order=True).agg(
        pl.col(value).mean().alias("mean"), pl.col(value).std().alias("s"), pl.len().cast(pl.Int64).alias("seeds")
    )
    quantiles = {n: t_quantile(0.5 + level / 2, n - 1) for n in found["seeds"].unique().to_list() if n > 1}
    t = pl.col("seeds").replace_strict(quantiles, default=None, return_dtype=pl.Float64)
    half = t * pl.col("s") / pl.col("seeds").sqrt()
    return found.select(
        *keys, "mean", (pl.col("mean") - half).alias("low"), (pl.col("mean") + half).alias("high"), "seeds"
    )


def _stacked(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One below the other; a stage that a run did not have has redefined none of its money."""
    stacked = pl.concat(frames, how="diagonal")
    return stacked.with_columns(pl.col(pl.Float64).fill_null(0.0)) if "never" in stacked.columns else stacked


def _read(table: str, path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path.read_bytes())
        return conform(table, frame)
    except (pl.exceptions.PolarsError, InputError) as error:
        raise CheckpointError(f"{path} is damaged, or not a table of a history: {error}") from error


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
