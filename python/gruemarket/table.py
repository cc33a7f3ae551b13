"""Table: forecasts that come from outside, recorded round by round."""

import os
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from gruemarket.arrays import floats
from gruemarket.errors import CheckpointError, InputError, ShapeError
from gruemarket.families import Outcomes, outcomes_of
from gruemarket.run import Floats

SCHEMA = {
    "episode": pl.Int64,  # rising from 0
    "round": pl.Int64,  # rising from 0 in each episode
    "forecaster": pl.String,
    "outcome": pl.Int64,  # 0 .. K-1 where every outcome has a row; what happened where there is one
    "probability": pl.Float64,  # that the forecaster gave to the outcome; or `logprob`, its natural logarithm
}


class Table:
    """Recorded forecasts as a family: one account for each forecaster, which learns nothing.

    Episodes must be read in the order in which they were recorded: each `begin_episode` goes on to the next. A frozen
    table stays where it is and shows the next episode again each time; so does whatever only looks ahead.

    Args:
        episodes: for each, (T, K, A) probabilities, for K = 2 also (T, A) of outcome 1. Or, with `happened`, (T, A) of
            what happened, which suffices to read episodes but not to price or to generate.
        happened: for each episode, (T,) what happened.
        outcomes: K, where `happened` is given; else it follows from the shape.
        names: (A,) of the forecasters.
        bits: (A,) description lengths; None gives each log2 A.

    Raises:
        InputError: numbers that are not probabilities or outcomes, an episode without rounds, two equal names.
        ShapeError: shapes that do not fit.

    >>> import gruemarket as gm
    >>> table = gm.Table([[[0.9, 0.5], [0.8, 0.5]]], names=["sharp", "dull"])
    >>> table.begin_episode()
    >>> table.observe_all([1, 0]).round(3).tolist()
    [[0.9, 0.5], [0.2, 0.5]]
    """

    def __init__(
        self,
        episodes: Iterable[Any],
        *,
        happened: Iterable[Any] | None = None,
        outcomes: int | None = None,
        names: Sequence[str] | None = None,
        bits: Any = None,
    ) -> None:
        self._episodes = [floats(episode, f"episode {e}").astype(np.float64) for e, episode in enumerate(episodes)]
        if not self._episodes:
            raise InputError("a table of no episodes; give one or more")
        if empty := [e for e, episode in enumerate(self._episodes) if episode.shape[:1] == (0,)]:
            raise InputError(f"episode {empty[0]} has no rounds; give each one or more")
        self.happened: list[Outcomes] | None = None
        if happened is None:
            self._episodes = [_full(episode, e) for e, episode in enumerate(self._episodes)]
            self.outcomes = self._episodes[0].shape[1]
        else:
            if outcomes is None:
                raise InputError("probabilities of what happened alone do not tell K; give outcomes=")
            self.outcomes = outcomes
            self.happened = [outcomes_of(x, outcomes, f"what happened in episode {e}") for e, x in enumerate(happened)]
        self.accounts = self._episodes[0].shape[-1]
        self._check()
        self.names = [str(i) for i in range(self.accounts)] if names is None else [str(name) for name in names]
        self.bits = np.full(self.accounts, np.log2(self.accounts)) if bits is None else floats(bits, "bits")
        if not len(self.names) == len(self.bits) == self.accounts:
            raise ShapeError(f"{len(self.names)} names and {len(self.bits)} bits for {self.accounts} forecasters")
        if twice := [name for i, name in enumerate(self.names) if name in self.names[:i]]:
            raise InputError(f"two forecasters are called {twice[0]!r}; give each a name of its own")
        self.frozen = False
        self._next, self._at, self._round = 0, -1, 0

    def _check(self) -> None:
        for e, episode in enumerate(self._episodes):
            expected = (len(episode), self.accounts) if self.happened else (len(episode), self.outcomes, self.accounts)
            if episode.shape != expected:
                raise ShapeError(f"episode {e} has shape {episode.shape}, not {expected}")
            if not np.all((episode >= 0) & (episode <= 1)):
                raise InputError(f"episode {e} holds numbers that are not probabilities")
            if self.happened is None and not np.all(abs(episode.sum(axis=1) - 1) <= 1e-6):
                t = int(np.argwhere(~(abs(episode.sum(axis=1) - 1) <= 1e-6))[0][0])
                raise InputError(f"episode {e}, round {t}: probabilities that do not sum to 1")
        if self.happened and [len(x) for x in self.happened] != [len(e) for e in self._episodes]:
            raise ShapeError("happened does not have one outcome for each round of each episode")

    def __len__(self) -> int:
        return len(self._episodes)

    def __repr__(self) -> str:
        rounds = sum(map(len, self._episodes))
        return f"Table({self.accounts} forecasters, {self.outcomes} outcomes, {len(self)} episodes, {rounds} rounds)"

    def begin_episode(self) -> None:
        """Goes on to the next recorded episode.

        Raises:
            InputError: there is none left.
        """
        if self._next >= len(self):
            raise InputError(f"all {len(self)} recorded episodes are read; record more, or make the table anew")
        self._at, self._round = self._next, 0
        self._next += not self.frozen

    def forecast(self) -> Floats:
        """(K, A) the recorded probabilities of the next round.

        Raises:
            InputError: the episode is over, or only what happened was recorded.
        """
        if self.happened is not None:
            raise InputError("this table knows only the probabilities of what happened; it can be read, not priced")
        row: Floats = self._rows(1)[0]
        return row

    def observe(self, outcome: int) -> None:
        """Goes on to the next round."""
        self.observe_all(np.array([outcome], dtype=np.uint32))

    def observe_all(self, outcomes: Any) -> Floats:
        """(T, A) the recorded probabilities of what happened.

        Raises:
            InputError: more rounds than were recorded, or other outcomes than were recorded.
        """
        seen: Outcomes = outcomes_of(outcomes, self.outcomes)
        rows = self._rows(len(seen))
        if self.happened is None:
            rows = np.take_along_axis(rows, seen[:, None, None].astype(np.int64), axis=1)[:, 0]
        else:
            recorded = self.happened[self._at][self._round : self._round + len(seen)]
            if (wrong := np.flatnonzero(recorded != seen)).size:
                t = wrong[0]
                raise InputError(
                    f"round {self._round + t} of episode {self._at}: outcome {seen[t]}, but {recorded[t]} was recorded"
                )
        self._round += len(seen)
        return np.ascontiguousarray(rows)

    def _rows(self, count: int) -> Floats:
        if self._at < 0:
            self.begin_episode()
        rows = self._episodes[self._at][self._round : self._round + count]
        if len(rows) < count:
            raise InputError(
                f"episode {self._at} has {len(self._episodes[self._at])} recorded rounds, no more; a curriculum "
                "samples continuations, sample_bytes=0 draws none"
            )
        return rows

    def freeze(self, frozen: bool = True) -> None:  # noqa: FBT001, FBT002  # freeze(False) thaws
        """A frozen table stays before its next episode."""
        self.frozen = frozen

    def fork(self) -> Self:
        """An independent copy."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def config(self) -> dict[str, Any]:
        """What tells it from others: its shape, and a digest of what was recorded."""
        state = blake2b(repr((self.names, self.bits.tolist(), self._next)).encode(), digest_size=16)
        for part in (*self._episodes, *(self.happened or ())):
            state.update(part.tobytes())
        return {"table": repr(self), "digest": state.hexdigest()}

    # --- Files

    def frame(self) -> pl.DataFrame:
        """The table in long form: a row for each round, forecaster and outcome, or only the outcome that happened.

        Columns: episode and round (from 0), forecaster (its name), outcome (0 to K - 1), probability.
        """
        parts = []
        for e, episode in enumerate(self._episodes):
            if self.happened is None:
                t, k, a = (index.ravel() for index in np.indices(episode.shape))
            else:
                t, a = (index.ravel() for index in np.indices(episode.shape))
                k = self.happened[e].astype(np.int64)[t]
            names = pl.Series("forecaster", self.names, dtype=pl.String).gather(a)
            parts.append(
                pl.DataFrame({"round": t, "outcome": k, "probability": episode.ravel()}).with_columns(
                    names, pl.lit(e).alias("episode")
                )
            )
        return pl.concat(parts).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, *, outcomes: int | None = None, bits: Any = None) -> Self:
        """The table of a long frame with the columns of `frame()`, or `logprob` (natural logarithm) for `probability`.

        The rows may come in any order; episodes and rounds are read in the order of their numbers.

        Args:
            frame: with a row for each round, forecaster and outcome the forecasts are whole, and K is the highest
                outcome + 1. With one row for each round and forecaster, the outcome is what happened, as in recorded
                token log-probabilities of language models.
            outcomes: K, where there is one row for each round and forecaster (the size of the vocabulary).
            bits: (A,) description lengths of the forecasters in order of first appearance; None gives each log2 A.

        Raises:
            InputError: a column is missing, a forecaster forecast a round not at all or twice, or the forecasters saw
                different outcomes.

        >>> import gruemarket as gm
        >>> tokens = {"episode": [0, 0], "round": [0, 0], "forecaster": ["small", "large"], "outcome": [1917, 1917]}
        >>> gm.Table.from_frame(pl.DataFrame(tokens | {"logprob": [-2.5, -0.1]}), outcomes=50_257)
        Table(2 forecasters, 50257 outcomes, 1 episodes, 1 rounds)
        """
        rows = _rows_of(frame, whole=outcomes is None)
        names = rows["forecaster"].unique(maintain_order=True).to_list()
        width = 1 if outcomes is not None else int(rows["outcome"].max() or 0) + 1  # type: ignore[arg-type]
        order = pl.DataFrame({"forecaster": names, "account": range(len(names))})
        rows = rows.join(order, on="forecaster", how="left").sort("episode", "round", "outcome", "account")
        episodes, happened = [], []
        for (episode,), part in rows.group_by("episode", maintain_order=True):
            count = part["round"].n_unique()
            if len(part) != count * width * len(names):
                raise InputError(
                    f"episode {episode}: {len(part)} rows for {count} rounds, {width} outcomes and {len(names)} "
                    "forecasters; every forecaster must forecast every round"
                )
            values = part["probability"].to_numpy().reshape(count, width, len(names))
            episodes.append(values if outcomes is None else values[:, 0])
            if outcomes is not None:
                seen = part["outcome"].to_numpy().reshape(count, len(names))
                if np.any(seen != seen[:, :1]):
                    raise InputError(f"episode {episode}: the forecasters differ in what happened")
                happened.append(seen[:, 0])
        known = None if outcomes is None else happened
        return cls(episodes, happened=known, outcomes=outcomes, names=names, bits=bits)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes `frame()`, `bits` and which episode is next to a Parquet file: under another name, then renamed."""
        target = Path(path)
        partial = target.with_name(f".{target.name}.tmp")
        state = {
            "gruemarket.outcomes": "" if self.happened is None else str(self.outcomes),
            "gruemarket.bits": ",".join(map(repr, self.bits.tolist())),
            "gruemarket.next": str(self._next),
        }
        self.frame().write_parquet(partial, compression="zstd", metadata=state)
        partial.replace(target)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, outcomes: int | None = None) -> Self:
        """The table of a Parquet file: one that `save` wrote, or any other with the columns that `from_frame` takes.

        Args:
            path: the file.
            outcomes: as in `from_frame`; a file that `save` wrote says it itself.

        Raises:
            CheckpointError: not a whole Parquet file.
            FileNotFoundError: there is none.
            InputError: as in `from_frame`.
        """
        try:
            frame, state = pl.read_parquet(Path(path)), pl.read_parquet_metadata(Path(path))
        except pl.exceptions.PolarsError as error:
            raise CheckpointError(f"{path}: not a whole Parquet file ({error})") from error
        known = state.get("gruemarket.outcomes")
        bits = [float(b) for b in state["gruemarket.bits"].split(",")] if "gruemarket.bits" in state else None
        table = cls.from_frame(frame, outcomes=int(known) if known else outcomes, bits=bits)
        table._next = int(state.get("gruemarket.next", 0))  # noqa: SLF001  # of the same class
        return table


def _rows_of(frame: pl.DataFrame, *, whole: bool) -> pl.DataFrame:
    """The rows of a long frame, in the columns of SCHEMA and without gaps or duplicates."""
    columns = {*frame.columns} | ({"probability"} if "logprob" in frame.columns else set())
    if missing := [name for name in SCHEMA if name not in columns]:
        raise InputError(f"no column {', '.join(missing)}; a table of forecasts has {', '.join(SCHEMA)}")
    try:
        if "probability" not in frame.columns:
            frame = frame.with_columns(probability=pl.col("logprob").exp())
        rows = frame.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    except pl.exceptions.PolarsError as error:
        raise InputError(f"a table of forecasts has other types of columns: {error}") from error
    if rows.is_empty() or any(rows.null_count().row(0)):
        raise InputError("the table of forecasts is empty, or has empty cells; give every forecast")
    if (wrong := rows["outcome"].filter(rows["outcome"] < 0)).len():
        raise InputError(f"outcome {wrong[0]}; outcomes count from 0")
    asked = rows.select("episode", "round", "forecaster", *(["outcome"] if whole else []))
    if (twice := asked.filter(asked.is_duplicated())).height:
        hint = "" if whole else ", or leave outcomes= out where each outcome has its row"
        raise InputError(f"two forecasts of {twice.row(0, named=True)}; give one{hint}")
    return rows


def _full(episode: Floats, e: int) -> Floats:
    """(T, K, A) forecasts; two axes are probabilities of outcome 1."""
    if episode.ndim == 2:
        return np.stack([1 - episode, episode], axis=1)
    if episode.ndim != 3:
        raise ShapeError(f"episode {e} has shape {episode.shape}; give (rounds, outcomes, forecasters)")
    return episode
