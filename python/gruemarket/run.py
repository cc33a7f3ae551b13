"""What a call of the market returns: prices, losses, regret, round by round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gruemarket.errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    """Consecutive rounds of one episode."""

    rounds: int
    episode: int
    batch: int
    stage: str


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """The T rounds of a call.

    Attributes:
        prices: (T, K) prices of all outcomes, or (T,) of what happened where only likelihoods were given.
        loss_bits: (T,) -log2 of the price of what happened.
        outcomes: (T,) what happened; None where only likelihoods were given.
        rounds: the rounds' indices on the market's clock.
        spans: in which episode, batch and stage they lie.
        passes: (T,) how often each price asked all traders, 0 where a formula gives it.
        residual: (T,) how far it is from clearing, as its rule measures it; 0 where a formula gives it.
    """

    prices: Floats
    loss_bits: Floats
    outcomes: npt.NDArray[np.int64] | None
    rounds: range
    spans: Sequence[Span]
    find_regret: Callable[[], Floats]
    passes: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    residual: Floats = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if len(self.passes) != len(self.loss_bits):
            object.__setattr__(self, "passes", np.zeros(len(self.loss_bits), np.int64))
            object.__setattr__(self, "residual", np.zeros(len(self.loss_bits)))

    @cached_property
    def regret_bits(self) -> Floats:
        """(N,) the market's loss less the trader's, in bits, over the rounds in which the trader was awake.

        Raises:
            InputError: the rounds were played with `regret=False`.
        """
        bits = self.find_regret()
        if not len(bits):
            raise InputError("these rounds were played with regret=False; play them with regret=True")
        return bits

    def __getstate__(self) -> dict[str, Any]:
        # the market that the regret comes from stays behind
        return self.__dict__ | {"find_regret": self.find_regret().copy}

    @property
    def total_loss_bits(self) -> float:
        """The code length of what happened, in bits."""
        return float(self.loss_bits.sum())

    def __repr__(self) -> str:
        rounds, bits = len(self.rounds), self.total_loss_bits
        return f"Run({rounds} rounds, {bits:.6g} bits, {bits / max(rounds, 1):.6g} a round)"

    def frame(self) -> pl.DataFrame:
        """One row a round: round, episode, batch, stage, outcome, price (of what happened), loss_bits."""
        counts = [span.rounds for span in self.spans]

        def spread(values: list[int] | list[str], dtype: type[pl.DataType]) -> pl.Series:
            return pl.Series(np.repeat(np.array(values, dtype=object), counts).tolist(), dtype=dtype)

        return pl.DataFrame(
            {
                "round": pl.Series(range(self.rounds.start, self.rounds.stop), dtype=pl.Int64),
                "episode": spread([span.episode for span in self.spans], pl.Int64),
                "batch": spread([span.batch for span in self.spans], pl.Int64),
                "stage": spread([span.stage for span in self.spans], pl.String),
                "outcome": pl.Series(
                    [None] * len(self.rounds) if self.outcomes is None else self.outcomes, dtype=pl.Int64
                ),
                "price": np.exp2(-self.loss_bits),
                "loss_bits": self.loss_bits,
            }
        )

    @classmethod
    def joined(cls, runs: Sequence["Run"]) -> "Run":
        """Several runs, one after another, as one."""
        outcomes = [run.outcomes for run in runs if run.outcomes is not None]
        return cls(
            np.concatenate([run.prices for run in runs]),
            np.concatenate([run.loss_bits for run in runs]),
            np.concatenate(outcomes) if len(outcomes) == len(runs) else None,
            range(runs[0].rounds.start, runs[-1].rounds.stop),
            [span for run in runs for span in run.spans],
            lambda: np.sum([run.regret_bits for run in runs], axis=0),
            np.concatenate([run.passes for run in runs]),
            np.concatenate([run.residual for run in runs]),
        )
