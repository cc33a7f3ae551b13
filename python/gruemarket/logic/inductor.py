"""The logical inductor: a deductive process and traders go in, beliefs come out, day by day."""

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from gruemarket import _core
from gruemarket.errors import CheckpointError, InputError, NotClearedError
from gruemarket.logic import saved
from gruemarket.logic.audited import Audit
from gruemarket.logic.features import Leaf, flatten
from gruemarket.logic.numbers import exact
from gruemarket.logic.processes import begin
from gruemarket.logic.roster import Roster
from gruemarket.logic.sentences import parse
from gruemarket.logic.tokens import Tokens
from gruemarket.logic.traders import Daily, SentenceLike, Strategy, Trader, shares_of
from gruemarket.progress import Shown
from gruemarket.run import Floats

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
class _Seen:
    """What trader `number` sees on a day."""

    day: int
    memory: dict[str, Any]
    _of: "LogicalInductor"

    def price(self, sentence: SentenceLike, day: int) -> Fraction:
        return self._of.price(sentence.on(self.day) if isinstance(sentence, Daily) else sentence, day)

    def truth(self, sentence: SentenceLike) -> bool | None:
        return self._of.truth(sentence.on(self.day) if isinstance(sentence, Daily) else sentence)


class LogicalInductor:
    """Garrabrant's logical inductor (Garrabrant et al. 2016, arXiv 1609.03543, section 5.4).

    Each day the deductive process reveals some sentences; every trader that has entered says what it buys at which
    prices; budgets keep what each can lose in bounds; the market maker finds the prices at which no world lets all
    traders together gain more than the day's tolerance. These prices are what the inductor believes. Nothing of an
    earlier day is worked out again: a day costs what is traded and held on it.

    Args:
        process: what is revealed day by day, from day 1 on: an iterable of lists of sentences (a list, `Revealed`,
            `Theory`, `Digits`), a mapping from days to lists, or a generator function. A generator is sent each day's
            exact prices, {sentence: Fraction}, and answers with what it reveals next. Once it ends, nothing more is.
        traders: strategies, functions or ready-made traders (see `Trader`), trader 1 first; a list, or an iterable
            without end, from which each is taken on the day it enters. Pairs (trader, weight) bring their weights.
        tolerance: of each day: a number, or a function of the day. Their sum over all days bounds what the traders can
            ever gain together; `halving` is the paper's, `inverse_square` suits long runs.
        weights: w_k of each trader: a sequence, or a function of k = 1, 2, ...; their sum is at most 1.
        entry: the first day of each trader: a sequence, a function of k, or one day for all. The paper lets trader k
            enter on day k.
        polish: the certificate that is aimed at where the tolerance is greater; None for the tolerance itself.
        evaluations: evaluations of one day's demand after which no price is looked for any more, >= 1.
        watch: sentences that `prices` shows each day, traded or not.

    Raises:
        InputError: an argument is out of range.

    Two traders disagree; the first has twice the weight. On day 3 the question is decided, and they lose interest:

    >>> import gruemarket as gm
    >>> inductor = gm.logic.LogicalInductor(
    ...     {3: ["rain"]}, [gm.logic.Belief("rain", 0.25), gm.logic.Belief("rain", 0.75)], entry=1
    ... )
    >>> inductor.run(2, progress=False)["price"].round(3).to_list()
    [0.25, 0.25]
    """

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
        self._evaluations = evaluations
        self._ids: dict[Any, int] = {}
        self._stand_ins: dict[Daily, int] = {}
        self._asked: dict[int, Any] = {}  # who is asked every day, and what it said last
        self._told: dict[int, Strategy] = {}  # what the engine is still to be told of those who say it once
        self._memories: list[dict[str, Any]] = []
        self._observed: list[int] = []  # symbols, where the process is `Tokens`
        self._ahead: Floats | None = None  # what it forecasts while it is frozen
        self._frozen = False
        self._watch = [self._id(sentence) for sentence in watch]

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

    def run(self, days: int, *, progress: bool = True) -> pl.DataFrame:
        """Makes the prices of so many days more.

        Args:
            days: how many.
            progress: whether to show how far it is, on stderr.

        Returns:
            Their part of `prices`.

        Raises:
            InputError: as in `step`; the days before stand.
            NotClearedError: the same.
        """
        before = self.day
        with Shown(wanted=progress) as shown:
            shown.stage("days", days)
            for done in range(1, days + 1):
                self._advance()
                shown.step(done, "")
        return self._prices(before)

    def _advance(self, given: Sequence[Fraction] | None = None) -> None:
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
        for weight in self._roster.enter(today):
            at = self._core.enter(weight)
            trader = self._roster.entered[at]
            self._memories.append({})
            strategy = trader if isinstance(trader, Mapping) else getattr(trader, "strategy", trader)
            if isinstance(strategy, Mapping):
                self._told[at] = strategy
            elif callable(strategy):
                self._asked[at] = (strategy, None)
            else:
                raise InputError(
                    f"{self._roster.name(at)} is a {type(trader).__name__}; give a mapping from sentences to features, "
                    "a function that gives one, or an object with a strategy"
                )
        for at in list(self._told):
            self._follow(at, self._told[at])
            del self._told[at]
        for at, (ask, last) in self._asked.items():
            strategy = ask(_Seen(today, self._memories[at], self))
            if strategy is not None and not isinstance(strategy, Mapping):
                raise InputError(f"{self._roster.name(at)} gave {strategy!r} on day {today}; give a mapping, or None")
            if strategy is not last:
                self._follow(at, strategy)
                self._asked[at] = (ask, strategy)

    def _follow(self, at: int, strategy: Strategy | None) -> None:
        if not strategy:
            self._core.follow(at, [], None, [])
        else:
            shares = shares_of(strategy)
            flat = flatten(shares.values())
            leaves = [self._leaf(leaf) for leaf in flat.leaves]
            self._core.follow(at, [self._id(sentence) for sentence in shares], flat.steps, leaves)

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
                spoken = parse(sentence) if isinstance(sentence, str) else sentence
                known = self._ids[spoken] = self._core.numbers([spoken])[0]
            self._ids[sentence] = known
        return known

    def _known(self, sentence: SentenceLike) -> int | None:
        """The number of a sentence that was spoken of. To ask leaves no trace."""
        known = self._ids.get(sentence)
        return self._ids.get(parse(sentence)) if known is None and isinstance(sentence, str) else known

    # --- What it believes, and who is worth what

    def price(self, sentence: SentenceLike, day: int | None = None) -> Fraction:
        """The exact price of a sentence on a day, the last if none is given; 0 where nobody traded it.

        Raises:
            InputError: the day has no prices.
        """
        known = self._known(sentence)
        return self._core.price(known, self.day if day is None else day)

    def truth(self, sentence: SentenceLike) -> bool | None:
        """Whether a sentence is true in all plausible worlds (True), in none (False), or in some (None)."""
        known = self._known(sentence)
        if known is not None:
            return self._core.truth_of(known)
        return self._core.truth(parse(sentence) if isinstance(sentence, str) else sentence)

    @property
    def prices(self) -> pl.DataFrame:
        """The price of every sentence that was traded or is watched: day, sentence, price, traded."""
        return self._prices(0)

    def _prices(self, after: int) -> pl.DataFrame:
        (days, sentences), prices = self._core.prices(after)
        frame = pl.DataFrame({"day": days, "number": sentences, "price": prices, "traded": True})
        if self._watch:
            every = pl.int_range(after + 1, self.day + 1, dtype=pl.UInt32, eager=True).alias("day").to_frame()
            watched = every.join(pl.DataFrame({"number": self._watch}, schema={"number": pl.UInt32}), how="cross")
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
                "solver": solvers,
                "evaluations": pl.Series(evaluations, dtype=pl.UInt32),
            }
        )

    # --- Checks, copies, files

    def audit(self) -> Audit:
        """Checks the invariants of every day from stored trades alone, with code of its own.

        It costs about as much as the days did, and more the more budgets were ever at risk.

        >>> import gruemarket as gm
        >>> inductor = gm.logic.LogicalInductor({}, [gm.logic.Belief("rain", 0.25), gm.logic.Belief("rain", 0.75)])
        >>> _ = inductor.run(5, progress=False)
        >>> inductor.audit().holds
        True
        """
        checked = self._core.audit()
        rows = [
            (*row[:4], None if row[4] is None else self._roster.number(row[4]), row[5]) for row in checked
        ]
        return Audit.of(rows)

    def fork(self) -> Self:
        """An independent copy.

        Raises:
            InputError: the process or the traders come from a generator that is used up; give the function that makes it.
        """
        for name in ("process", "traders"):
            if isinstance(self._given[name], Iterator):
                raise InputError(f"{name} of this inductor come from a generator, which cannot be begun again")
        copy = type(self)(**self._given)
        copy._core = self._core.fork()
        if not isinstance(self._process, Tokens):
            copy._core.follow_process(begin(self._process))
        for _ in copy._roster.enter(self.day + self._core.is_open()):
            pass
        copy._ids, copy._stand_ins = dict(self._ids), dict(self._stand_ins)
        copy._asked = dict(self._asked)
        copy._told = dict(self._told)
        copy._memories = [dict(memory) for memory in self._memories]
        copy._observed, copy._frozen, copy._ahead = list(self._observed), self._frozen, self._ahead
        return copy

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it to a file, in one step.

        Functions are kept by name, ready-made traders and processes with all they say. What cannot be kept so (a lambda,
        a generator) is to be given again to `load`.

        Raises:
            OSError: the file cannot be written. What was there still is.
        """
        told = {}
        for name, given in self._given.items():
            with suppress(saved.NotPlain):
                told[name] = saved.plain(given)
        prices = [[str(price) for price in self._core.day(day)[1]] for day in range(1, self.day + 1)]
        state = {"prices": prices, "given": told, "texts": self._core.texts(), "observed": self._observed}
        saved.write(Path(path), state | {"frozen": self._frozen})

    @classmethod
    def load(cls, path: str | os.PathLike[str], **given: Any) -> Self:
        """An inductor that was saved; it goes on with the same bits.

        Args:
            path: the file.
            given: arguments of the class, for those that a file cannot keep, or to be others from now on.

        Raises:
            CheckpointError: not a whole file of an inductor, or the process or the traders say something else than then.
            FileNotFoundError: there is none.
            InputError: an argument is missing.
        """
        state = saved.read(Path(path))
        names = inspect.signature(cls).parameters
        loaded = cls(**{name: saved.given_or_told(name, given, state["given"]) for name in names})
        loaded._core.restore(state["texts"])
        loaded._observed = state["observed"]
        try:
            for prices in state["prices"]:
                loaded._advance([Fraction(price) for price in prices])
        except (InputError, NotClearedError) as error:
            raise CheckpointError(f"{path}: day {loaded.day + 1} cannot be entered again: {error}") from error
        loaded.freeze(state["frozen"])
        return loaded

    # --- As a family of one account that forecasts symbols, where the process is `Tokens`

    accounts = 1

    @property
    def bits(self) -> Floats:
        """(1,) the description length of its one account: 0."""
        return np.zeros(1)

    @property
    def outcomes(self) -> int:
        """How many symbols its `Tokens` have."""
        if not isinstance(self._process, Tokens):
            raise AttributeError("outcomes: only an inductor whose process is Tokens forecasts symbols")
        return self._process.outcomes

    @property
    def frozen(self) -> bool:
        """Whether it learns nothing from what it observes."""
        return self._frozen

    def freeze(self, frozen: bool = True) -> None:  # noqa: FBT001, FBT002  # freeze(False) thaws
        """Stops or resumes learning. Frozen it gives the same forecast each time: its days stand still."""
        self._frozen, self._ahead = frozen, None

    def begin_episode(self) -> None:
        """Nothing is forgotten: its days go on."""

    def forecast(self) -> Floats:
        """(K, 1) probabilities of the next symbol: the prices of its sentences over their sum; even if that is 0.

        Raises:
            NotClearedError: no prices were found.
        """
        if self._frozen and self.day == len(self._observed):
            if self._ahead is None:
                trial = self.fork()
                trial.freeze(frozen=False)
                self._ahead = trial.forecast()
            return self._ahead
        if self.day == len(self._observed):
            self._advance()
        sentences = [sentence.on(self.day) for sentence in self._process.sentences]
        prices = np.array([[float(self.price(sentence))] for sentence in sentences])
        total = prices.sum()
        return prices / total if total > 0 else np.full_like(prices, 1 / self.outcomes)

    def observe(self, outcome: int) -> None:
        """Sees the next symbol.

        Raises:
            InputError: there is no such symbol.
        """
        if not 0 <= outcome < self.outcomes:
            raise InputError(f"outcome {outcome}; it knows 0 to {self.outcomes - 1}")
        if self._frozen:
            return
        if self.day == len(self._observed):
            self._advance()
        self._observed.append(int(outcome))

    def __repr__(self) -> str:
        return f"LogicalInductor({len(self._memories)} traders, {self.day} days)"


def positive(given: Any, what: str) -> Fraction:
    """A number above 0.

    Raises:
        InputError: it is not.
    """
    value = exact(given, what)
    if value <= 0:
        raise InputError(f"{what} {given} is not above 0; it is the most that any world lets the traders gain")
    return value
