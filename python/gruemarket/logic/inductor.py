"""The logical inductor: a deductive process and traders go in, beliefs come out, day by day."""

import inspect
import operator
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from gruemarket.checks import whole
from gruemarket.errors import CheckpointError, InputError, NotClearedError
from gruemarket.logic import numbers, saved
from gruemarket.logic.audited import Audit
from gruemarket.logic.days import Days, Found
from gruemarket.logic.processes import begin
from gruemarket.logic.roster import Roster
from gruemarket.logic.tokens import Tokens
from gruemarket.progress import Shown
from gruemarket.run import Floats

EVERY = 60.0  # seconds between two writes of a run that is saved


class LogicalInductor(Days):
    """Garrabrant's logical inductor (Garrabrant et al. 2016, arXiv 1609.03543, section 5.4).

    Each day the deductive process reveals some sentences; every trader that has entered says what it buys at which
    prices; budgets keep what each can lose in bounds; the market maker finds the prices at which no world lets all
    traders together gain more than the day's tolerance. These prices are what the inductor believes. Nothing of an
    earlier day is worked out again: a day costs what is traded and held on it. Who has lost more than 65,536 shares
    trades no more: the budgets that are left weigh 2^-65536 together.

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
        watch: sentences that `prices` shows each day, traded or not; a `Daily` is that of the day.

    Raises:
        InputError: an argument is out of range.

    Two traders disagree, and the first has twice the weight. On day 3 it rains: the first runs out of budgets.

    >>> import gruemarket as gm
    >>> traders = [gm.logic.Belief("rain", 0.25), gm.logic.Belief("rain", 0.75)]
    >>> inductor = gm.logic.LogicalInductor({3: ["rain"]}, traders, entry=1)
    >>> inductor.run(6, progress=False)["price"].round(3).to_list()
    [0.3, 0.3, 0.307, 0.35, 0.662, 0.7]
    >>> inductor.audit().holds
    True
    """

    def run(self, days: int, *, progress: bool = True, save: str | os.PathLike[str] | None = None) -> pl.DataFrame:
        """Makes the prices of so many days more.

        Args:
            days: how many.
            progress: whether to show how far it is, on stderr.
            save: a file that it writes itself to, every minute and at the end: `load` goes on from there, whatever
                stopped it.

        Returns:
            Their part of `prices`.

        Raises:
            InputError: as in `step`; the days before stand.
            NotClearedError: the same.
            OSError: the file cannot be written.
        """
        whole(days, "days", least=0)
        before, saved = self.day, time.monotonic()
        with Shown(wanted=progress) as shown:
            shown.stage("days", days)
            for done in range(1, days + 1):
                self._advance()
                shown.step(done, "")
                if save is not None and time.monotonic() - saved > EVERY:
                    self.save(save)
                    saved = time.monotonic()
        if save is not None:
            self.save(save)
        return self._prices(before)

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
        rows = [(*row[:4], None if row[4] is None else self._roster.number(row[4]), row[5]) for row in checked]
        return Audit.of(rows)

    def fork(self) -> Self:
        """An independent copy.

        Raises:
            InputError: the process or the traders come from a generator that is used up; give the function that
                makes it.
        """
        for name in ("process", "traders"):
            if isinstance(self._given[name], Iterator):
                raise InputError(f"{name} of this inductor come from a generator, which cannot be begun again")
        copy = type(self)(**self._given)
        roster = Roster(*(self._given[name] for name in ("traders", "weights", "entry")))
        roster.catch_up(len(self._memories))
        vars(copy).update(
            _core=self._core.fork(),
            _roster=roster,
            _ids=dict(self._ids),
            _stand_ins=dict(self._stand_ins),
            _asked=dict(self._asked),
            _told=dict(self._told),
            _memories=deepcopy(self._memories),
            _observed=list(self._observed),
            _frozen=self._frozen,
            _ahead=self._ahead,
        )
        if not isinstance(self._process, Tokens):
            vars(copy)["_core"].follow_process(begin(self._process))
        return copy

    def __copy__(self) -> Self:
        return self.fork()

    def __deepcopy__(self, _: Any) -> Self:
        return self.fork()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it to a file, in one step.

        Functions are kept by name, ready-made traders and processes with all they say. What cannot be kept so (a
        lambda, a generator) is to be given again to `load`.

        Raises:
            OSError: the file cannot be written. What was there still is.
        """
        told = {}
        for name, given in self._given.items():
            with suppress(saved.NotPlain):
                told[name] = saved.plain(given)
        prices = [[numbers.told(price) for price in self._core.day(day)[1]] for day in range(1, self.day + 1)]
        _, _, solvers, evaluations = self._core.certificates(0)
        state = {
            "given": told,
            "sentences": self._core.told(),
            "days": list(zip(prices, solvers, evaluations, strict=True)),
            "observed": self._observed,
            "frozen": self._frozen,
        }
        saved.write(Path(path), state)

    @classmethod
    def load(cls, path: str | os.PathLike[str], **given: Any) -> Self:
        """An inductor that was saved; it goes on with the same bits.

        Args:
            path: the file.
            given: arguments of the class, for those that a file cannot keep, or to be others from now on.

        Raises:
            CheckpointError: not a whole file of an inductor, or the process or the traders say something else than
                they did.
            FileNotFoundError: there is none.
            InputError: an argument is missing, or there is none of this name.
        """
        names = inspect.signature(cls).parameters
        if unknown := [name for name in given if name not in names]:
            raise InputError(f"unknown argument {unknown[0]!r}; known are {', '.join(names)}")
        state = saved.read(Path(path))
        loaded = cls(**{name: saved.given_or_told(name, given, state["given"]) for name in names})
        try:
            days = loaded._restore(state)  # of the same class
        except saved.BROKEN as error:
            raise CheckpointError(f"{path}: not what a logical inductor writes of itself: {error}") from error
        try:
            loaded._enter_again(days)
        except (InputError, NotClearedError) as error:
            raise CheckpointError(f"{path}: day {loaded.day + 1} cannot be entered again: {error}") from error
        return loaded

    def _restore(self, state: dict[str, Any]) -> list[Found]:
        """What is to be known before any day; the days."""
        self._core.restore([(kind, name, parts) for kind, name, parts in state["sentences"]])
        self._observed, self._frozen = [operator.index(symbol) for symbol in state["observed"]], bool(state["frozen"])
        days = state["days"]
        return [([numbers.heard(p) for p in prices], solver, evaluations) for prices, solver, evaluations in days]

    def _enter_again(self, days: Iterable[Found]) -> None:
        for day in days:
            self._advance(day)

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
            raise AttributeError("outcomes: only an inductor whose process is Tokens forecasts symbols")  # noqa: TRY004
        return self._process.outcomes

    def _refuse_others(self) -> None:
        if not isinstance(self._process, Tokens):
            raise InputError("only an inductor whose process is Tokens forecasts symbols and observes them")

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
            InputError: its process is not `Tokens`.
            NotClearedError: no prices were found.
        """
        self._refuse_others()
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
            InputError: there is no such symbol, or its process is not `Tokens`.
        """
        self._refuse_others()
        try:
            symbol = operator.index(outcome)
        except TypeError:
            raise InputError(f"outcome {outcome!r} is not a whole number") from None
        if not 0 <= symbol < self.outcomes:
            raise InputError(f"outcome {outcome}; it knows 0 to {self.outcomes - 1}")
        if self._frozen:
            return
        if self.day == len(self._observed):
            self._advance()
        self._observed.append(symbol)

    def __repr__(self) -> str:
        return f"LogicalInductor({len(self._memories)} traders, {self.day} days)"
