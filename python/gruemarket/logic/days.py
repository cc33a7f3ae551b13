"""The days of a logical inductor: what is revealed, who says what, the prices, and tables of all that."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from threading import Lock
from typing import Any, TypeAlias

import polars as pl

from gruemarket import _core
from gruemarket.checks import shown, whole
from gruemarket.errors import InputError
from gruemarket.logic.features import Feature
from gruemarket.logic.nodes import Leaf
from gruemarket.logic.numbers import exact
from gruemarket.logic.processes import begin
from gruemarket.logic.roster import Roster
from gruemarket.logic.sentences import as_sentence
from gruemarket.logic.steps import flatten
from gruemarket.logic.tokens import Tokens
from gruemarket.logic.traders import Daily, SentenceLike, Strategy, Trader, shares_of
from gruemarket.run import Floats

MOST_EVALUATIONS = 2**32 - 1
"""What the engine can count."""
Found: TypeAlias = tuple[Sequence[Fraction], str, int]
"""Prices, what found them, and after how many evaluations."""
Schedule = Callable[[int], Any]
"""What each day has, or each trader, counted from 1."""


def halving(n: int) -> Fraction:
    """2^-n: the paper's tolerance of day n and its weight of trader n; over all n they sum to 1.

    >>> halving(3)
    Fraction(1, 8)
    """
    return Fraction(1, 1 << n)


def inverse_square(n: int) -> Fraction:
    """1 / (n (n + 1)): the other schedule that sums to 1, for long runs.

    >>> inverse_square(3)
    Fraction(1, 12)
    """
    return Fraction(1, n * (n + 1))


@dataclass(frozen=True)
class _Asked:
    """Who says each day what it buys; what it said last, and on which day."""

    ask: Callable[..., Any]
    last: Strategy | None = None
    day: int = 0


@dataclass(frozen=True)
class _Seen:
    """What a trader sees on a day."""

    day: int
    memory: dict[str, Any]
    _of: "Days"

    def price(self, sentence: SentenceLike, day: int) -> Fraction:
        return self._of.price(_meant(sentence, self.day), day)

    def truth(self, sentence: SentenceLike) -> bool | None:
        return self._of.truth(_meant(sentence, self.day))


class Days:
    """The days so far; `LogicalInductor` says what is given."""

    def __init__(
        self,
        process: Any = (),
        traders: Iterable[Trader] = (),
        *,
        tolerance: Any = halving,
        weights: Any = None,
        entry: Any = None,
        polish: Any = Fraction(1, 1 << 30),
        evaluations: int = 200_000,
        watch: Sequence[SentenceLike] = (),
    ) -> None:
        self._given = {
            "process": process,
            "traders": traders,
            "tolerance": tolerance,
            "weights": weights,
            "entry": entry,
            "polish": polish,
            "evaluations": evaluations,
            "watch": watch,
        }
        self._core = _core.LogicalInductor()
        self._process = process
        if not isinstance(process, Tokens):
            self._core.follow_process(begin(process))
        self._roster = Roster(traders, weights, entry)
        self._tolerance: Schedule = tolerance if callable(tolerance) else lambda _: tolerance
        self._polish = None if polish is None else positive(polish, "polish")
        self._evaluations = min(whole(evaluations, "evaluations", least=1), MOST_EVALUATIONS)
        self._ids: dict[Any, int] = {}
        self._stand_ins: dict[Daily, int] = {}
        self._asked: dict[int, _Asked] = {}  # who is asked every day
        self._told: dict[int, Strategy] = {}  # what the engine is still to be told of those who say it once
        self._memories: list[dict[str, Any]] = []
        self._observed: list[int] = []  # symbols, where the process is `Tokens`
        self._ahead: Floats | None = None  # what it forecasts while it is frozen
        self._frozen = False
        self._busy = Lock()
        if isinstance(watch, str) or not isinstance(watch, Iterable):
            raise InputError(f"watch {watch!r}; give a list of sentences")
        self._watch = list(watch)
        for sentence in self._watch:
            self._id(sentence)

    # --- Days

    @property
    def day(self) -> int:
        """How many days have their prices."""
        return self._core.days()

    def step(self) -> dict[Any, Fraction]:
        """Makes the next day's prices.

        Returns:
            The exact price of every sentence that was traded.

        Raises:
            InputError: the process contradicts itself, or a trader's strategy is not one.
            NotClearedError: no prices were found within the tolerance. Nothing was bought; another step tries again.
        """
        self._advance()
        sentences, prices = self._core.day(self.day)
        return dict(zip(sentences, prices, strict=True))

    def _advance(self, given: Found | None = None) -> None:
        if not self._busy.acquire(blocking=False):
            raise InputError(
                f"day {self.day + 1} of this inductor is being made already, by another thread or by who asks; wait "
                "for its end, or give each thread a copy (fork)"
            )
        try:
            self._make_day(given)
        finally:
            self._busy.release()

    def _make_day(self, given: Found | None) -> None:
        today = self.day + 1
        self._begin_day(today)
        self._enter(today)
        for daily, stands in self._stand_ins.items():
            self._core.mean(stands, self._id(daily.on(today)))
        self._core.clear(positive(self._tolerance(today), "the tolerance"), self._polish, self._evaluations, given)

    def _begin_day(self, today: int) -> None:
        if not isinstance(self._process, Tokens):
            self._core.begin_day()
        elif not self._core.is_open():
            if len(self._observed) < today - 1:
                raise InputError(f"day {today} is about a symbol to come: observe the one of day {today - 1} first")
            revealed = self._process.revealed(today, self._observed[today - 2] if today > 1 else None)
            self._core.reveal(self._core.numbers(revealed))

    def _enter(self, today: int) -> None:
        """Lets in who enters today, and tells the engine what everybody buys who may have changed its mind."""
        for weight, strategy in self._roster.enter(today):
            at = self._core.enter(weight)
            self._memories.append({})
            if isinstance(strategy, Mapping):
                self._told[at] = strategy
            else:
                self._asked[at] = _Asked(strategy)
        for at in list(self._told):
            self._follow(at, self._told[at])
            del self._told[at]
        for at, asked in self._asked.items():
            if asked.day < today:
                self._ask(at, asked, today)

    def _ask(self, at: int, asked: "_Asked", today: int) -> None:
        """Once a day, also where prices are looked for again: what is asked may remember that it was."""
        strategy = asked.ask(_Seen(today, self._memories[at], self))
        if strategy is not None and not isinstance(strategy, Mapping):
            raise InputError(f"{self._roster.name(at)} gave {strategy!r} on day {today}; give a mapping, or None")
        if asked.day == 0 or strategy is not asked.last:
            self._follow(at, strategy)
        self._asked[at] = _Asked(asked.ask, strategy, today)

    def _follow(self, at: int, strategy: Strategy | None) -> None:
        shares: dict[int, Feature] = {}
        for sentence, bought in shares_of(strategy or {}).items():
            known = self._id(sentence)  # of one sentence that is written in two ways, the sum
            shares[known] = shares[known] + bought if known in shares else bought
        if not shares:
            self._core.follow(at, [], None, [])
        else:
            flat = flatten(shares.values())
            self._core.follow(at, list(shares), flat.steps, [self._leaf(leaf) for leaf in flat.leaves])

    def _leaf(self, leaf: Leaf) -> tuple[int, bool, int]:
        return self._id(leaf.sentence), leaf.day is None, -leaf.offset if leaf.day is None else leaf.day

    def _id(self, sentence: SentenceLike) -> int:
        """The engine's number of a sentence, or of what stands for a daily one."""
        known = self._known(sentence)
        if known is None:
            if isinstance(sentence, Daily):
                known = self._stand_ins[sentence] = self._core.stand_in()
                self._core.mean(known, self._id(sentence.on(self.day + 1)))
            else:
                spoken = as_sentence(sentence)
                known = self._ids[spoken] = self._core.numbers([spoken])[0]
            if not isinstance(sentence, bool):  # which is a number to a dictionary
                self._ids[sentence] = known
        return known

    def _known(self, sentence: SentenceLike) -> int | None:
        """The number of a sentence that was spoken of. To ask leaves no trace."""
        try:
            known = self._ids.get(sentence)
        except TypeError:  # it has no hash: no sentence
            known = None
        return self._ids.get(as_sentence(sentence)) if known is None and not isinstance(sentence, Daily) else known

    # --- What it believes, and who is worth what

    def price(self, sentence: SentenceLike, day: int | None = None) -> Fraction:
        """The exact price of a sentence on a day, the last if none is given; 0 where nobody traded it.

        Raises:
            InputError: the day has no prices.
        """
        on = self.day if day is None else whole(day, "day", least=0)
        return self._core.price(self._known(_meant(sentence, on)), on)

    def truth(self, sentence: SentenceLike) -> bool | None:
        """Whether a sentence is true in all plausible worlds (True), in none (False), or in some (None)."""
        meant = _meant(sentence, self.day)
        known = self._known(meant)
        return self._core.truth(as_sentence(meant)) if known is None else self._core.truth_of(known)

    @property
    def prices(self) -> pl.DataFrame:
        """The price of every sentence that was traded or is watched: day, sentence, price, traded."""
        return self._prices(0)

    def _prices(self, after: int) -> pl.DataFrame:
        (days, sentences), prices = self._core.prices(after)
        frame = pl.DataFrame({"day": days, "number": sentences, "price": prices}).with_columns(
            traded=pl.lit(value=True)
        )
        if self._watch:
            every = range(after + 1, self.day + 1)
            rows = [(day, self._known(_meant(sentence, day))) for day in every for sentence in self._watch]
            watched = pl.DataFrame(rows, schema={"day": pl.UInt32, "number": pl.UInt32}, orient="row").unique()
            unsold = watched.join(frame, on=["day", "number"], how="anti").with_columns(price=pl.lit(0.0), traded=False)
            frame = pl.concat([frame, unsold]).sort("day", "number")
        known = frame["number"].unique(maintain_order=True)
        names = pl.DataFrame({"number": known, "sentence": [self._core.text(n) for n in known]})
        named = frame.join(names, on="number", how="left", maintain_order="left")
        return named.select("day", pl.col("sentence").cast(pl.String), "price", "traded")

    @property
    def net_worth(self) -> pl.DataFrame:
        """What each trader's own trades are worth, without any budget: day, trader, min, max over plausible worlds.

        Traders are counted from 1, in the order in which they were given.
        """
        (days, traders), least, most = self._core.net_worth(0)
        numbers = pl.Series([self._roster.number(at) for at in range(len(self._memories))], dtype=pl.UInt32)
        frame = pl.DataFrame({"day": days, "trader": traders, "min": least, "max": most})
        return frame.with_columns(trader=numbers.gather(frame["trader"]))

    @property
    def certificates(self) -> pl.DataFrame:
        """Of each day: the tolerance, the certificate, what found the prices, and after how many evaluations.

        The certificate is the most that any table of truth values lets the firm gain from the day's trade.
        """
        certificates, tolerances, solvers, evaluations = self._core.certificates(0)
        return pl.DataFrame(
            {
                "day": pl.int_range(1, self.day + 1, dtype=pl.UInt32, eager=True),
                "tolerance": tolerances,
                "certificate": certificates,
                "solver": pl.Series(solvers, dtype=pl.String),
                "evaluations": pl.Series(evaluations, dtype=pl.UInt32),
            }
        )


def _meant(sentence: SentenceLike, day: int) -> SentenceLike:
    """Of a daily sentence that of a day."""
    return sentence.on(day) if isinstance(sentence, Daily) else sentence


def positive(given: Any, what: str) -> Fraction:
    """A number above 0.

    Raises:
        InputError: it is not.
    """
    value = exact(given, what)
    if value <= 0:
        raise InputError(f"{what} {shown(value)} is not above 0; it is the most that any world lets the traders gain")
    return value
