"""The book of forecasts in slow, plain numpy: documentation of the engine's `ForecastBook`, and its oracle.

A question is *priced* with the money that is free then, and *resolved* later; until then what its forecasters staked is
locked. Wealth W is free money and all stakes that are locked, at what they were when they were locked.

- Pricing of question t: everybody who forecasts it locks u = min(lock W, free). The price clears these stakes.
- Resolution as outcome x: each gets u G(x) back, where G is the clearing rule's growth of a unit staked; the G of one
  question conserve money for every x, so no event changes the sum of all money.
- Grue tax, before the pricing of question t > 0, on free money only: f_j <- f_j (1 - h_t R) + h_t rho_j F, with rho_j
  the prior share of j, R = sum rho and F = sum f. (Rank one; what j would pay to itself cancels.) Where forecasters are
  `entering`, these sums are over those whom a question has listed, rho is divided by its sum, so that R = 1, and nobody
  else is touched.

No event looks ahead: an outcome is only known to the resolution that brings it. Money is kept as log2 of its share of
all money, so it cannot underflow.

Prices and growth are those of `clearing.py`. Source of the tax: Herbster and Warmuth 1998 (Fixed Share).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gruemarket.clearing import LMSR, Isoelastic, Kelly, LogPool
from gruemarket.errors import ImpossibleOutcomeError, InputError, MarketError, ShapeError
from gruemarket.forecasts.book import Floats, ForecastRun, Ints
from gruemarket.reference.clearing import Cleared, clear
from gruemarket.reference.given import endowment
from gruemarket.reference.logs import NOTHING, log2, total
from gruemarket.reference.tax import hazards

RULES = (Kelly, Isoelastic, LogPool, LMSR)

SUM_TOLERANCE = 1e-6
REMNANT = 2.0**-32  # of a forecaster's wealth: rounding decides what is left below it, so it is staked too
FIRST = 10  # questions that lock a tenth where the lock follows how busy forecasters are
LEAST_FREE = -900  # log2 of the share of all money that must be free for a tax to move any of it


@dataclass(frozen=True)
class Locked:
    """An open question: who staked what on which forecast, and how a unit staked grows."""

    forecasters: Ints  # (n,)
    log2_stakes: Floats  # (n,)
    log2_forecasts: Floats  # (K, n)
    cleared: Cleared


class ForecastBook:
    """The same class as the engine's `ForecastBook`: books of N forecasters with stakes that stay locked.

    Args:
        bits: (N,) description lengths; the prior share of a forecaster is `2^-bits`.
        clearing: `Kelly` (the default), `Isoelastic`, `LogPool` or `LMSR`; per-trader arrays and the maker's index are
            by forecaster. Kelly's fraction multiplies `lock`. `Demand` is refused: it wants everybody's forecasts.
        lock: the share of its wealth that a forecaster locks in each question, in (0, 1]. None follows how busy
            they are: 1 / m, where nine in ten forecasts so far, the question's own among them, found at most m
            questions of their forecaster open (its own too); a tenth in the first ten questions.
        grue: a `GrueTax` of the kernel "anything"; its schedule's index is the number of the question, by pricing.
        normalize: whether to divide the prior by its sum.
        entering: whether a forecaster enters only with the first question that lists it; else all at once.

    Raises:
        InputError: something is out of range, or a rule or tax that a book of forecasts cannot have.

    Two forecasters are asked the same question twice. The second price comes before the first resolution, so it knows
    nothing of it:

    >>> import gruemarket as gm
    >>> book = ForecastBook([1, 1], clearing=gm.Kelly(), lock=0.5)
    >>> questions = [0, 2, 4], [0, 1, 0, 1], [2, 2], [0.2, 0.8, 0.6, 0.4] * 2
    >>> run = book.play(*questions, resolved=[0], happened=[1], after=[2])
    >>> run.prices.round(3).tolist()
    [0.4, 0.6, 0.4, 0.6]
    >>> book.wealth.round(4).tolist(), book.locked.tolist()
    ([0.5833, 0.4167], [0.25, 0.25])
    """

    def __init__(
        self,
        bits: npt.ArrayLike,
        *,
        clearing: Any = None,
        lock: float | None = 1.0,
        grue: Any = None,
        normalize: bool = False,
        entering: bool = False,
    ) -> None:
        given = np.asarray(bits, dtype=float)
        if given.ndim != 1 or not len(given) or not np.all((given >= 0) & np.isfinite(given)):
            raise InputError("bits; allowed: one finite number >= 0 for each forecaster")
        if lock is not None and not 0 < lock <= 1:
            raise InputError(f"lock {lock}; allowed: above 0 and at most 1")
        clearing = clearing or Kelly()
        if type(clearing) not in RULES:
            raise InputError(f"clearing {clearing!r}; a book of forecasts clears by Kelly, Isoelastic, LogPool or LMSR")
        if grue and not (grue.kernel == "anything" and grue.unit == "round" and not by_stage(grue)):
            raise InputError("a book of forecasts takes a tax of kernel 'anything', unit 'round', landmarks by index")
        self._clearing, self._grue = clearing, grue
        self._lock, self._fraction = lock, getattr(clearing, "fraction", 1.0)
        self._seen_open: list[int] = []  # at every forecast so far: how many open questions list its forecaster
        self._log2_prior, reserve = endowment(-given, normalize=normalize)
        self._prior = 1 - reserve  # R
        self._entered = np.full(len(given), not entering)
        self._entering = entering
        self._free = self._log2_prior.copy()
        self._open: dict[int, Locked] = {}
        self._outcomes: list[int] = []  # of every question so far
        self._regret = np.zeros(len(given))
        self._answered = np.zeros(len(given), np.int64)
        self._tax_bits = 0.0

    @property
    def questions(self) -> int:
        """How many questions have been priced."""
        return len(self._outcomes)

    @property
    def open(self) -> Ints:
        """The numbers of the questions that have not been resolved, rising."""
        return np.array(sorted(self._open), dtype=np.int64)

    @property
    def log2_wealth(self) -> Floats:
        """(N,) log2 of the share of all money, locked stakes included; -inf for nothing."""
        return np.logaddexp2(self._free, self._log2_locked())

    @property
    def wealth(self) -> Floats:
        """(N,) shares of all money, locked stakes included."""
        return np.exp2(self.log2_wealth)

    @property
    def locked(self) -> Floats:
        """(N,) the part of it that is locked in open questions."""
        return np.exp2(self._log2_locked())

    @property
    def answered(self) -> Ints:
        """(N,) of how many resolved questions each forecaster was listed."""
        return self._answered.copy()

    @property
    def regret_bits(self) -> Floats:
        """(N,) sum over resolved questions of beta log2(q(x) / c(x)), beta = stake / wealth just before the resolution.

        By Jensen's inequality a Kelly book's is at most log2 of a forecaster's growth, so never more than its bits,
        and with a tax never more than its bits + `tax_bits`.
        """
        return self._regret.copy()

    @property
    def tax_bits(self) -> float:
        """Sum of -log2(1 - h_t R) over the taxes so far: what they took from who never received any, in bits."""
        return self._tax_bits

    def _log2_locked(self) -> Floats:
        locked = np.full(len(self._free), NOTHING)
        for question in self._open.values():
            np.logaddexp2.at(locked, question.forecasters, question.log2_stakes)
        return locked

    # --- Events

    def play(
        self,
        starts: npt.ArrayLike,
        forecasters: npt.ArrayLike,
        outcomes: npt.ArrayLike,
        values: npt.ArrayLike,
        *,
        resolved: npt.ArrayLike = (),
        happened: npt.ArrayLike = (),
        after: npt.ArrayLike = (),
        watch: npt.ArrayLike = (),
    ) -> ForecastRun:
        """Plays a chunk of events: the next Q questions are priced in the order given, R are resolved among them.

        Questions are numbered from 0 on by their pricing, over all calls: the first of this call is `questions`.
        However events are cut into calls, the results have the same bits.

        Args:
            starts: (Q+1,) from 0 upwards; question t has the entries `starts[t]..starts[t+1]`. It may have none.
            forecasters: (M,) indices, rising within a question. One that stands there m times splits its stake evenly.
            outcomes: (Q,) how many outcomes each question has, 2 or more.
            values: probabilities, entry after entry, each with its question's K side by side; they sum to 1.
            resolved: (R,) numbers of questions that are resolved in this call, of this or an earlier one.
            happened: (R,) their outcomes.
            after: (R,) how many questions (over all calls) are priced before each resolution; never falling. At the
                same count resolutions come one after the other as they stand.
            watch: forecasters whose wealth is to be noted at each pricing.

        Raises:
            InputError: anything out of range; ImpossibleOutcomeError: an outcome happened whose price was 0. The book
                is as it was before the call.
        """
        chunk = Chunk.of(self, starts, forecasters, outcomes, values, resolved, happened, after, watch)
        before = {name: kept.copy() if hasattr(kept, "copy") else kept for name, kept in vars(self).items()}
        try:
            return self._played(chunk)
        except Exception:
            vars(self).update(before)
            raise

    def _played(self, chunk: Chunk) -> ForecastRun:
        first, notes = self.questions, []
        for t in range(len(chunk.outcomes) + 1):
            for question, x in chunk.resolutions(first + t):
                self._resolve(question, x)
            if t < len(chunk.outcomes):
                notes.append(self._price(first + t, *chunk.question(t), watch=chunk.watch))
        prices, staked, locks, passes, residual, watched = (
            zip(*notes, strict=True) if notes else ([np.empty(0)], *[()] * 5)
        )
        return ForecastRun(
            prices=np.concatenate(prices),
            staked=np.array(staked, dtype=float),
            locks=np.array(locks, dtype=float),
            passes=np.array(passes, dtype=np.uint32),
            residual=np.array(residual, dtype=float),
            watched=np.reshape(np.array(watched, dtype=float), (len(notes), len(chunk.watch))),
        )

    def _tax(self, t: int) -> None:
        landmark = self._grue.landmarks.get(t)
        hazard = hazards(self._grue.schedule, t + 1)[t] if landmark is None else np.exp2(-landmark)
        there = self._entered
        prior, whole = self._log2_prior[there], self._prior
        if self._entering:
            prior, whole = prior - total(prior) if len(prior) else prior, 1.0
        if hazard == 0 or not len(prior) or total(self._free[there]) < LEAST_FREE:
            return
        keep = max(0.0, 1 - hazard * whole)
        self._tax_bits -= float(log2(keep))
        inflow = log2(hazard) + prior + total(self._free[there])
        self._free[there] = np.logaddexp2(self._free[there] + log2(keep), inflow)

    def _share(self, t: int, who: Ints) -> float:
        """What question t asks of those whom it lists."""
        listed = np.concatenate([who, *(np.unique(question.forecasters) for question in self._open.values())])
        self._seen_open = [*self._seen_open, *(int(np.sum(listed == j)) for j in who)]
        if self._lock is not None:
            return self._lock
        if t < FIRST:
            return 1 / FIRST
        count = len(self._seen_open)
        return 1 / sorted(self._seen_open)[count - count // 10 - 1] if count else 1.0  # nine in ten have no more

    def _price(
        self, t: int, forecasters: Ints, forecasts: Floats, watch: Ints
    ) -> tuple[Floats, float, float, int, float, Floats]:
        if self._grue and t > 0:
            self._tax(t)
        wealth = self.log2_wealth
        who, part, parts = np.unique(forecasters, return_inverse=True, return_counts=True)
        self._entered[who] = True
        asked = self._share(t, who)
        lock = asked * self._fraction
        has = wealth[who] > NOTHING
        who, free = who[has], np.exp2(self._free[who[has]] - wealth[who[has]])  # free as a share of wealth
        share = np.where(free - lock > REMNANT, lock, free)
        stakes = np.full(len(has), NOTHING)
        stakes[has] = wealth[who] + log2(share)
        self._free[who] = wealth[who] + log2(free - share)
        each = (stakes - np.log2(parts))[part]
        said = log2(forecasts.T)
        cleared = self._clear(t, forecasters, each, said)
        self._open[t] = Locked(forecasters, each, said, cleared)
        self._outcomes.append(forecasts.shape[1])
        staked = float(np.exp2(total(each))) if len(each) else 0.0
        return np.exp2(cleared.log2_price), staked, asked, cleared.passes, cleared.residual, wealth[watch]

    def _clear(self, t: int, forecasters: Ints, log2_stakes: Floats, log2_forecasts: Floats) -> Cleared:
        try:
            rule = listed(self._clearing, forecasters[log2_stakes > NOTHING], forecasters)
            return clear(rule, log2_stakes, log2_forecasts, len(log2_forecasts))
        except MarketError as error:
            raise type(error)(f"question {t}: {error}") from None

    def _resolve(self, t: int, x: int) -> None:
        question, wealth = self._open[t], self.log2_wealth
        self._answered[np.unique(question.forecasters)] += 1
        stakes, forecasters = question.log2_stakes, question.forecasters
        del self._open[t]
        if not np.any(stakes > NOTHING):
            return
        log2_price = question.cleared.log2_price[x]
        if log2_price == NOTHING:
            raise ImpossibleOutcomeError(f"question {t}: outcome {x} happened at a price of 0; floor the forecasts")
        awake = stakes > NOTHING
        beta = np.exp2(stakes[awake] - wealth[forecasters[awake]])
        gain = question.log2_forecasts[x, awake] - log2_price
        np.add.at(self._regret, forecasters[awake], beta * gain)
        np.logaddexp2.at(self._free, forecasters, stakes + question.cleared.log2_growth(x))


def listed(rule: Any, awake: Ints, forecasters: Ints) -> Any:
    """A rule that speaks of all forecasters, for those of one question: by their places in it.

    Where the maker has nothing at stake the others trade alone, at the same tolerance of risk.
    """
    if isinstance(rule, Isoelastic) and np.ndim(rule.aversion) and len(forecasters):
        return Isoelastic(np.asarray(rule.aversion)[forecasters], rule.floor)
    if isinstance(rule, LMSR):
        if np.sum(awake == rule.maker) > 1:
            raise InputError(f"the maker {rule.maker} stands there more than once")
        if rule.maker not in awake:
            return LogPool(rule.step, rule.floor)
        return replace(rule, maker=int(np.flatnonzero(forecasters == rule.maker)[0]))
    return rule


def ints(given: npt.ArrayLike) -> Ints:
    """An array of int64."""
    return np.asarray(given, dtype=np.int64)


def by_stage(grue: Any) -> bool:
    """Whether a tax has landmarks that name stages."""
    return any(isinstance(key, str) for key in grue.landmarks)


# --- The input of one call


@dataclass(frozen=True)
class Chunk:
    """The checked events of one call."""

    starts: Ints
    forecasters: Ints
    outcomes: Ints
    values: Floats
    resolved: Ints
    happened: Ints
    after: Ints
    watch: Ints

    @classmethod
    def of(cls, book: ForecastBook, *given: npt.ArrayLike) -> Chunk:
        """Raises InputError unless all of it can be played."""
        starts, forecasters, outcomes, values, resolved, happened, after, watch = given
        chunk = cls(
            starts=ints(starts),
            forecasters=ints(forecasters),
            outcomes=ints(outcomes),
            values=np.asarray(values, dtype=float),
            resolved=ints(resolved),
            happened=ints(happened),
            after=ints(after),
            watch=ints(watch),
        )
        chunk._check_questions(len(book.wealth))
        chunk._check_resolutions(book)
        return chunk

    def _check_questions(self, n: int) -> None:
        if len(self.starts) != len(self.outcomes) + 1 or self.starts[0] != 0 or np.any(np.diff(self.starts) < 0):
            raise InputError("starts must rise from 0 and have one entry more than questions")
        if self.starts[-1] != len(self.forecasters):
            raise ShapeError(f"starts end at {self.starts[-1]}, with {len(self.forecasters)} forecasters")
        if np.any(self.outcomes < 2):
            raise InputError("a question of fewer than 2 outcomes")
        needed = int((np.diff(self.starts) * self.outcomes).sum())
        if len(self.values) != needed:
            raise ShapeError(f"{len(self.values)} values where the questions have {needed}")
        if np.any((self.watch < 0) | (self.watch >= n)):
            raise InputError(f"watch; allowed: forecasters 0..{n - 1}")
        for t in range(len(self.outcomes)):
            who, forecasts = self.question(t)
            if np.any(np.diff(who) < 0) or np.any((who < 0) | (who >= n)):
                raise InputError(f"question {t} of the call: forecasters must rise, from 0 to {n - 1}")
            good = np.all(forecasts >= 0, axis=1) & (abs(forecasts.sum(axis=1) - 1) <= SUM_TOLERANCE)
            if not np.all(good):
                raise InputError(f"question {t} of the call: a forecast that is not shares that sum to 1")

    def _check_resolutions(self, book: ForecastBook) -> None:
        first, last = book.questions, book.questions + len(self.outcomes)
        if not len(self.resolved) == len(self.happened) == len(self.after):
            raise ShapeError("resolved, happened and after must be of one length")
        if np.any(np.diff(self.after) < 0) or np.any((self.after < first) | (self.after > last)):
            raise InputError(f"after; allowed: never falling, from {first} to {last}")
        every = [*book._outcomes, *self.outcomes]  # noqa: SLF001  the twin's own
        still_open = set(book._open) | set(range(first, last))  # noqa: SLF001
        for question, x, after in zip(self.resolved, self.happened, self.after, strict=True):
            if question not in still_open or question >= after:
                raise InputError(f"question {question} cannot be resolved: it is not open then")
            if not 0 <= x < every[question]:
                raise InputError(f"question {question}: outcome {x}; allowed: 0..{every[question] - 1}")
            still_open.remove(question)

    def question(self, t: int) -> tuple[Ints, Floats]:
        """The forecasters of question t of the call, and their forecasts, (n, K)."""
        entries = slice(self.starts[t], self.starts[t + 1])
        before = int((np.diff(self.starts[: t + 1]) * self.outcomes[:t]).sum())
        who = self.forecasters[entries]
        width = int(self.outcomes[t])
        return who, self.values[before : before + len(who) * width].reshape(len(who), width)

    def resolutions(self, count: int) -> list[tuple[int, int]]:
        """The (question, outcome) that are due once `count` questions have been priced."""
        due = self.after == count
        return list(zip(self.resolved[due].tolist(), self.happened[due].tolist(), strict=True))
