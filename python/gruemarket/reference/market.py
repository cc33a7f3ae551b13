"""The whole market in slow, plain numpy: documentation and oracle in one.

Every formula of the engine stands here once, with its source, for few traders and patient readers. Wealth
is kept as log2 of a share of all money, so it cannot underflow; kernels are dense (traders, traders) matrices.

Sources: Beygelzimer, Langford, Pennock 2012 (Kelly markets, arXiv 1201.6655); Freund et al. 1997
(specialists); Herbster and Warmuth 1998 (Fixed Share); van Erven, Grünwald, de Rooij 2007 (switch
distribution, arXiv 0807.1005); Elias 1975 (universal codes).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gruemarket.conventions import blocks_of_one_kind, check_groups, redefinitions, rule, stage_name
from gruemarket.errors import InputError
from gruemarket.run import Floats, Run, Span
from gruemarket.sparse import SparseRounds

NOTHING = -np.inf  # log2 of no money
SUM_TOLERANCE = 1e-9  # of priors, codes and kernel rows


def log2(given: npt.ArrayLike) -> Floats:
    """The logarithm to base 2, of which 0 has one too: -inf."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log2(given))


def total(log2_shares: Floats, axis: int = -1) -> Floats:
    """Log2 of the sum of shares that are given by their log2."""
    return np.asarray(np.logaddexp2.reduce(log2_shares, axis=axis))


# --- Clearing and settlement


def kelly_price(log2_wealth: Floats, log2_stakes: Floats, log2_forecast: Floats, outcomes: int) -> Floats:
    """Log2 of c_k = sum_i w_i b_i q_ik / sum_i w_i b_i (Beygelzimer et al. 2012), uniform if nobody is awake."""
    at_stake = log2_wealth + log2_stakes
    if total(at_stake) == NOTHING:
        return np.full(len(log2_forecast), -np.log2(outcomes))
    return total(at_stake + log2_forecast) - total(at_stake)


def kelly_growth(stakes: Floats, log2_likelihood: Floats, log2_price: float) -> Floats:
    """Log2 of b_i q_i(x) / c(x) + 1 - b_i, by which w_i grows: 0 for sleeping specialists (Freund et al. 1997)."""
    return np.logaddexp2(log2(stakes) + log2_likelihood - log2_price, log2(1 - stakes))


# --- The Grue tax


def elias_length(kind: str, number: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Bits of the Elias code words of whole numbers from 1 on (Elias 1975)."""
    power: npt.NDArray[np.int64] = np.frexp(number)[1].astype(np.int64) - 1  # floor(log2)
    if kind == "elias-gamma":
        return 2 * power + 1
    if kind == "elias-delta":
        return power + elias_length("elias-gamma", power + 1)
    if np.all(number == 1):
        return np.ones_like(power)
    # Omega: before each number stands how many bits it has, less one.
    return np.where(number == 1, 1, power + 1 + elias_length(kind, np.maximum(power, 1)))


def hazards(schedule: Any, n: int) -> Floats:
    """The hazards h_0 .. h_(n-1) of a schedule: the share of money whose definition changes, if the kernel lets it.

    A code word of length(K) bits for the time K of the change is a prior pi(K) = 2^-length(K), and
    h_t = pi(t) / sum_{s >= t} pi(s) (van Erven et al. 2007). Elias codes sum to 1, and their partial sums
    are dyadic numbers: 1 - sum_{s < t} pi(s) is exact below t = 2^26. No tax is ever levied at 0.
    """
    times = np.arange(1, n + 1)
    values: Floats = np.asarray(schedule.values, dtype=float)
    if schedule.kind == "constant":  # Fixed Share (Herbster and Warmuth 1998)
        return np.full(n, values[0])
    if schedule.kind == "inverse":  # the prior 1 / (K (K + 1))
        return np.asarray(1 / times)
    if schedule.kind == "hazard":
        if n > len(values):
            msg = f"the schedule has {len(values)} hazards, but index {n - 1} is due; allowed: indices below its length"
            raise InputError(msg)
        return np.exp2(-values[:n])
    if schedule.kind == "code":  # what Kraft's sum leaves is the mass of "never"
        code = np.exp2(-values)
        rest = np.cumsum(code[::-1])[::-1] + max(0.0, 1 - code.sum())
    else:
        code = np.exp2(-elias_length(schedule.kind, times).astype(float))
        rest = 1 - np.cumsum(code) + code
    hazard = np.divide(code, rest, out=np.zeros_like(code), where=rest > 0)
    return np.concatenate([[0.0], hazard, np.zeros(n)])[:n]


def kernel_matrix(kernel: Any, log2_prior: Floats, group: npt.NDArray[np.intp]) -> Floats:
    """Log2 rho(k|i), row i = what trader i may become. To become oneself is no change, so it is left out."""
    n = len(log2_prior)
    if isinstance(kernel, str):
        if kernel not in ("anything", "within groups"):
            raise InputError(f"kernel {kernel!r}; allowed: 'anything', 'within groups' or a CSR matrix")
        log2_rho = np.tile(log2_prior, (n, 1))
        if kernel == "within groups":
            log2_rho[group[:, None] != group] = NOTHING
            log2_rho -= np.maximum(total(log2_rho), np.finfo(float).min)[:, None]  # a group may be worth nothing
    else:
        indptr, targets, shares = kernel
        rho = np.zeros((n, n))
        np.add.at(rho, (np.repeat(np.arange(n), np.diff(indptr)), targets), shares)
        sums = rho.sum(axis=1)
        if sums.max() > 1 + SUM_TOLERANCE:
            raise InputError(f"kernel row {sums.argmax()} sums to {sums.max()}; allowed: at most 1")
        log2_rho = log2(rho)
    log2_rho[np.diag_indices(n)] = NOTHING
    return log2_rho


def redefinition(hazard: float, log2_rho: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each trader's money: the share that leaves, log2 of the share that stays, log2 of h rho(k|i)."""
    leaves = hazard * np.exp2(total(log2_rho))
    return leaves, log2(np.maximum(1 - leaves, 0)), np.log2(hazard) + log2_rho


# --- The books


@dataclass(frozen=True)
class Book:
    """What each trader owns and how its money got there. Arrays are replaced, never written into."""

    log2_wealth: Floats  # (N,)
    log2_origin: Floats  # (N, 1 + stages) the same money by the stage in which it last changed hands; column 0: never
    log2_history: Floats  # (N,) the part of it that went through the one most probable history
    levies: tuple[tuple[int, Any, Floats], ...] = ()  # of each tax: index, (N,) whence that history came, (N,) its bits

    @classmethod
    def opened(cls, log2_wealth: Floats) -> Book:
        """Money that has never changed hands."""
        return cls(log2_wealth, log2_wealth[:, None], log2_wealth)

    @property
    def wealth(self) -> Floats:
        """(N,) shares of all money."""
        return np.exp2(self.log2_wealth)

    def settled(self, log2_growth: Floats) -> Book:
        """All money of a trader grows alike."""
        origin, history = self.log2_origin + log2_growth[:, None], self.log2_history + log2_growth
        return replace(self, log2_wealth=self.log2_wealth + log2_growth, log2_origin=origin, log2_history=history)

    def taxed(self, hazard: float, log2_rho: Floats, column: int) -> Book:
        """w_j <- w_j (1 - h sum_{k!=j} rho(k|j)) + h sum_{i!=j} w_i rho(j|i). What moves has changed in this stage."""
        _, stay, move = redefinition(hazard, log2_rho)
        inflow = total(self.log2_wealth[:, None] + move, axis=0)
        origin = self.log2_origin + stay[:, None]
        origin[:, column] = np.logaddexp2(origin[:, column], inflow)
        return replace(self, log2_wealth=np.logaddexp2(self.log2_wealth + stay, inflow), log2_origin=origin)

    def redefined(self, hazard: float, log2_rho: Floats, index: int) -> Book:
        """Viterbi's step: the best history that ends in j was in j before, or comes from the best other trader."""
        _, stay, move = redefinition(hazard, log2_rho)
        arriving, kept = self.log2_history[:, None] + move, self.log2_history + stay
        own, other = np.arange(len(kept)), arriving.argmax(axis=0)
        stays = kept >= arriving[other, own]
        bits = -np.where(stays, stay, move[other, own])
        history = np.where(stays, kept, arriving[other, own])
        return replace(self, log2_history=history, levies=(*self.levies, (index, np.where(stays, own, other), bits)))

    def resolved(self, ends: Sequence[Book]) -> Book:
        """A batch of E episodes that all started from this book: s_i <- (1/E) sum_e f_ei."""
        if len(ends) == 1:
            return ends[0]
        wealth = total(np.array([end.log2_wealth for end in ends]), axis=0) - np.log2(len(ends))
        origin = total(np.array([end.log2_origin for end in ends]), axis=0) - np.log2(len(ends))
        growth = np.full(len(wealth), NOTHING)
        np.subtract(wealth, self.log2_wealth, out=growth, where=wealth > NOTHING)
        return replace(self, log2_wealth=wealth, log2_origin=origin, log2_history=self.log2_history + growth)


@dataclass
class State:
    """All that a call may change: the book, the clocks, the ledger."""

    book: Book
    entered: npt.NDArray[np.bool_]
    rounds: int = 0
    episodes: int = 0
    batches: int = 0
    stages: int = 0
    stage: str = "main"
    at_boundary: bool = False  # the stage is new and no tax has been due in it yet
    columns: list[str] = field(default_factory=list)  # of provenance: the names of stages in order
    ledger: dict[tuple[str, int, str, str, str], float] = field(default_factory=dict)  # stage, batch, cause, from, to

    def fork(self) -> State:
        """A copy to work on; what it shares with this one is never written into."""
        return replace(self, columns=list(self.columns), ledger=dict(self.ledger))


# --- Input


@dataclass(frozen=True)
class Rounds:
    """The checked rounds of one episode."""

    log2_forecasts: Floats  # (T, K, N), or (T, 1, N) likelihoods of what happened
    stakes: Floats  # (T, N) with the market's common fraction
    outcomes: npt.NDArray[np.int64] | None  # (T,)
    paid: npt.NDArray[np.int64]  # (T,) the row of the forecast that is paid


def shares(what: str, given: npt.ArrayLike, shape: tuple[int, int]) -> Floats:
    """Numbers from 0 to 1, (rounds, traders)."""
    checked = np.asarray(given, dtype=float)
    if checked.shape != shape:
        raise InputError(f"{what}s of shape {checked.shape}; allowed: {shape}")
    for t, i in np.argwhere(~((checked >= 0) & (checked <= 1))):
        raise InputError(f"{what} {checked[t, i]} in round {t} of trader {i}; allowed: 0 to 1")
    return checked


def simplex(given: npt.ArrayLike, shape: tuple[int, int, int]) -> Floats:
    """Forecasts, (rounds, outcomes, traders); two outcomes may be given by the probability of outcome 1."""
    rounds, outcomes, traders = shape
    tolerance = 1e-4 if np.asarray(given).dtype == np.float32 else 1e-6
    forecasts = np.asarray(given, dtype=float)
    if forecasts.ndim == 2 and outcomes == 2:
        one = shares("forecast", forecasts, (rounds, traders))
        return np.stack([1 - one, one], axis=1)
    if forecasts.shape != shape:
        raise InputError(f"forecasts of shape {forecasts.shape}; allowed: {shape}")
    sums = forecasts.sum(axis=1)
    for t, i in np.argwhere(~(abs(sums - 1) <= tolerance) | ~np.all(forecasts >= 0, axis=1)):
        raise InputError(f"forecast {forecasts[t, :, i]} in round {t} of trader {i}; allowed: shares that sum to 1")
    return forecasts


def endowment(log2_cash: Floats, *, normalize: bool = False) -> tuple[Floats, float]:
    """Cash by trader, and what it leaves in the reserve for good. A sum within 1e-9 of 1 counts as 1."""
    money = float(np.exp2(total(log2_cash)))
    if normalize or abs(money - 1) <= SUM_TOLERANCE:
        return log2_cash - total(log2_cash), 0.0
    if money > 1:
        raise InputError(f"the shares sum to {money}; allowed: at most 1. normalize=True divides a prior by its sum")
    return log2_cash, 1 - money


# --- The market


class Market:
    """The same class as `gruemarket.Market`; see there for its arguments."""

    def __init__(
        self,
        bits: npt.ArrayLike | None = None,
        *,
        prior: npt.ArrayLike | None = None,
        outcomes: int = 2,
        clearing: Any = None,
        grue: Any = None,
        groups: Iterable[Any] | None = None,
        names: Iterable[str] | None = None,
        enters_at: npt.ArrayLike | None = None,
        dtype: str = "f64",
        normalize: bool = False,
        definitions: bool = False,
        provenance: bool = True,
    ) -> None:
        self._arguments: dict[str, Any] = {name: given for name, given in locals().items() if name != "self"}
        if (bits is None) == (prior is None):
            raise InputError("give either bits or prior")
        if dtype not in ("f64", "f32"):
            raise InputError(f"dtype {dtype!r}; allowed: 'f64' and 'f32', which are the same here")
        given = np.asarray(prior if bits is None else bits, dtype=float)
        if given.ndim != 1 or not len(given) or not np.all(given >= 0):
            raise InputError("bits or prior; allowed: one number for each trader, none negative or NaN")
        n = len(given)
        self._log2_prior, self._spare = endowment(log2(given) if bits is None else -given, normalize=normalize)
        self._outcomes, self._grue, self._unit = outcomes, grue, grue.unit if grue else None
        self._fraction = clearing.fraction if clearing else 1.0
        self._enters_at = np.zeros(n, int) if enters_at is None else np.asarray(enters_at)
        self.names = [str(i) for i in range(n)] if names is None else list(names)
        self.groups = ["all"] * n if groups is None else [str(group) for group in groups]
        self._group_names = list(dict.fromkeys(self.groups))
        check_groups(self._group_names)
        self._group = np.array([self._group_names.index(group) for group in self.groups])
        self._log2_rho = kernel_matrix(grue.kernel, self._log2_prior, self._group) if grue else np.empty(0)
        entered = self._enters_at <= 0
        self._state = State(Book.opened(np.where(entered, self._log2_prior, NOTHING)), entered)

    def __repr__(self) -> str:
        return f"reference.Market({len(self.names)} traders, {self._outcomes} outcomes, {self.rounds} rounds settled)"

    @property
    def log2_wealth(self) -> Floats:
        """(N,) log2 of the share of all money."""
        return self._state.book.log2_wealth.copy()

    @property
    def wealth(self) -> Floats:
        """(N,) shares of all money."""
        return self._state.book.wealth

    @property
    def bits(self) -> Floats:
        """(N,) description lengths, after any division by their sum."""
        return -self._log2_prior

    @property
    def reserve(self) -> float:
        """The share that no entered trader owns: what the prior left over, and those who have not entered yet."""
        return float(self._spare + np.exp2(self._log2_prior[~self._state.entered]).sum())

    rounds = property(lambda self: self._state.rounds, doc="Rounds settled so far.")
    episodes = property(lambda self: self._state.episodes, doc="Episodes begun so far.")
    batches = property(lambda self: self._state.batches, doc="Batches begun so far.")
    stage = property(lambda self: self._state.stage, doc="The name of the current stage.")

    def virgin(self) -> Market:
        """The same traders before anything happened."""
        return type(self)(**self._arguments)

    def with_wealth(self, cash: npt.ArrayLike) -> Market:
        """The same traders at the same time with other cash; ledger, provenance and definitions begin anew."""
        other = self.virgin()
        other._resume(self._state, np.asarray(cash, dtype=float))  # noqa: SLF001  # of the same class
        return other

    def redefined(
        self,
        traders: Any,
        bits: Any,
        *,
        names: Sequence[str] | None = None,
        groups: Sequence[Any] | None = None,
        stage: str | None = None,
    ) -> Market:
        """New traders take 2^-bits of their sources' money, present and prior, at the start of the stage."""
        source, length, added, given = redefinitions(traders, bits, names, groups, self)
        before = self.virgin()
        before._spare, before._state = self._spare, self._state.fork()  # noqa: SLF001  # of the same class
        if self.episodes:
            before._begin(stage_name(stage), 0, new_episode=False)  # noqa: SLF001
        return before._divided(source, np.array(length), added, given)  # noqa: SLF001

    def _divided(self, source: list[int], bits: Floats, names: list[str], groups: list[str]) -> Market:
        n, m, rest = len(self.names), len(source), np.zeros(len(self.names))
        rest[source] = np.log2(-np.expm1(-bits * np.log(2)))
        later = {
            "bits": -np.concatenate([self._log2_prior + rest, self._log2_prior[source] - bits]),
            "prior": None,
            "names": [*self.names, *names],
            "groups": [*self.groups, *groups],
            "enters_at": np.concatenate([self._enters_at, np.zeros(m, int)]),
            "normalize": False,
        }
        if self._grue and not isinstance(self._grue.kernel, str):  # nothing leads from or to the new traders
            indptr, targets, shares = self._grue.kernel
            later["grue"] = replace(self._grue, kernel=(np.pad(indptr, (0, m), mode="edge"), targets, shares))
        other = Market(**(self._arguments | later))
        state, book, moved = self._state, self._state.book, self._state.book.log2_wealth[source] - bits
        origin, new = book.log2_origin + rest[:, None], book.log2_origin[source] - bits[:, None]
        if state.episodes:
            new = np.full(new.shape, NOTHING)
            new[:, 1 + state.columns.index(state.stage)] = moved
        levies = tuple(
            (index, np.concatenate([came_from, np.arange(n, n + m)]), np.concatenate([tax, np.zeros(m)]))
            for index, came_from, tax in book.levies
        )
        if state.episodes:
            clocks = {"round": state.rounds, "batch": state.batches, "stage": state.stages - 1}
            came_from = np.concatenate([np.arange(n), source])
            index = clocks.get(self._unit or "", state.episodes)
            levies = (*levies, (index, came_from, np.concatenate([-rest, bits])))
        state.book = Book(
            np.concatenate([book.log2_wealth + rest, moved]),
            np.concatenate([origin, new]),
            np.concatenate([book.log2_history + rest, book.log2_history[source] - bits]),
            levies,
        )
        state.entered = np.concatenate([state.entered, np.ones(m, bool)])
        other._spare, other._state = self._spare, state
        if state.episodes:
            taken = np.exp2(np.concatenate([np.full(n, NOTHING), moved]))
            paid = np.zeros(n + m)
            paid[source] = taken[n:]
            other._post("grue tax", None, "tax", paid)
            other._post("grue tax", "tax", None, taken)
        return other

    def reinforce(self, parts: npt.ArrayLike, advantages: npt.ArrayLike, *, step: float = 1.0) -> tuple[Floats, float]:
        """Delta w_i = step / (G - 1) sum_g A_g f_gi, scaled so that nobody pays more than 0.9 of its wealth."""
        wealth, weights = self.wealth, np.asarray(advantages, dtype=float)
        amounts = step / (len(weights) - 1) * weights @ np.asarray(parts, dtype=float)
        losers = amounts < 0
        scale = float(min(1, 0.9 * np.min(wealth[losers] / -amounts[losers], initial=np.inf)))
        amounts *= scale
        growth = np.log1p(np.divide(amounts, wealth, out=np.zeros_like(wealth), where=wealth > 0)) / np.log(2)
        self._state.book = self._state.book.settled(growth)
        self._post("reinforcement", "reinforcement", None, amounts)
        return amounts, scale

    def _resume(self, then: State, cash: Floats) -> None:
        waiting = np.exp2(self._log2_prior[~then.entered]).sum()
        log2_cash, reserve = endowment(log2(cash))
        if np.any(cash[~then.entered] > 0) or reserve < waiting * (1 - SUM_TOLERANCE):
            raise InputError(
                f"cash for those who are yet to enter; they bring {waiting}, which must stay in the reserve"
            )
        self._spare = max(reserve - waiting, 0.0)
        self._state = replace(then, book=Book.opened(log2_cash), columns=[], ledger={})
        if then.stages:
            self._open_column(then.stage)

    # What happens in rounds

    def run(
        self,
        forecasts: Any = None,
        outcomes: Any = None,
        stakes: Any = None,
        *,
        likelihoods: Any = None,
        stage: str | None = None,
        new_episode: bool = True,
    ) -> Run:
        """Rounds of one episode, settled one by one."""
        rounds = self._parse(forecasts, outcomes, stakes, likelihoods)
        with self._all_or_nothing():
            return self._play([rounds], stage, new_episode=new_episode)

    def run_blocks(self, blocks: Iterable[Any], *, stage: str | None = None, new_episode: bool = True) -> Run:
        """One episode whose rounds come in blocks."""
        runs: list[Run] = []
        for block in blocks_of_one_kind(blocks):
            runs.append(self.run(**block, stage=stage, new_episode=new_episode and not runs))
        no_rounds = np.empty((0, len(self.names)))
        return Run.joined(runs) if runs else self.run(likelihoods=no_rounds, stage=stage, new_episode=new_episode)

    def run_batch(self, episodes: Iterable[Any], *, stakes: Any = None, stage: str | None = None) -> Run:
        """Episodes that are resolved all at once."""
        parsed = [self._parse(**{"stakes": stakes} | episode) for episode in blocks_of_one_kind(episodes)]
        if not parsed:
            raise InputError("a batch of no episodes; allowed: one or more")
        if len(parsed) > 1 and self._unit == "round" and self._arguments["definitions"]:
            raise InputError("a batch of several episodes with definitions taxed by round; tax another unit")
        with self._all_or_nothing():
            return self._play(parsed, stage, new_episode=True)

    def settle(
        self, forecast: Any, outcome: int, stakes: Any = None, *, stage: str | None = None, new_episode: bool = False
    ) -> Run:
        """One round of the current episode."""
        return self.run(np.asarray(forecast)[None], [outcome], stakes, stage=stage, new_episode=new_episode)

    def price(self, forecast: Any, stakes: Any = None) -> Floats:
        """(K,) the price at which `settle` would trade, after the tax that is due. Moves nothing."""
        asked = self._parse(np.asarray(forecast)[None], [0], stakes)
        before, self._state = self._state, self._state.fork()
        try:
            self._tax_round(1.0)
            return np.exp2(self._log2_price(asked.log2_forecasts[0], asked.stakes[0]))
        finally:
            self._state = before

    def _parse(
        self, forecasts: Any = None, outcomes: Any = None, stakes: Any = None, likelihoods: Any = None
    ) -> Rounds:
        n, k = len(self.names), self._outcomes
        given = forecasts if likelihoods is None else likelihoods
        if isinstance(given, SparseRounds):
            if stakes is not None:
                raise InputError("the stakes of sparse rounds belong into SparseRounds(stakes=...)")
            return self._parse(outcomes=outcomes, **given.dense(n, k))
        if given is None:
            raise InputError("no rounds; give forecasts and outcomes, or likelihoods")
        rounds = len(given)
        stakes = np.ones(n) if stakes is None else np.asarray(stakes, dtype=float)
        stakes = shares("stake", np.tile(stakes, (rounds, 1)) if stakes.ndim == 1 else stakes, (rounds, n))
        if outcomes is not None or likelihoods is None:
            outcomes = np.array(outcomes, dtype=np.int64)
            if outcomes.shape != (rounds,) or np.any((outcomes < 0) | (outcomes >= k)):
                raise InputError(f"outcomes {outcomes}; allowed: {rounds} whole numbers from 0 to {k - 1}")
        if likelihoods is None:
            return Rounds(log2(simplex(forecasts, (rounds, k, n))), self._fraction * stakes, outcomes, outcomes)
        likelihoods = shares("likelihood", likelihoods, (rounds, n))[:, None]
        return Rounds(log2(likelihoods), self._fraction * stakes, outcomes, np.zeros(rounds, dtype=np.int64))

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """A call that fails leaves the market as it was."""
        before, self._state = self._state, self._state.fork()
        try:
            yield
        except BaseException:
            self._state = before
            raise

    def _play(self, episodes: list[Rounds], stage: str | None, *, new_episode: bool) -> Run:
        """Every episode starts from the slow wealth and compounds its own fast wealth."""
        first = self._begin(stage_name(stage), len(episodes), new_episode=new_episode)
        state, start = self._state, self._state.book
        ends, runs = [], []
        for number, rounds in enumerate(episodes, first):
            state.book = start
            span = Span(len(rounds.paid), number, state.batches - 1, state.stage)
            runs.append(self._play_episode(rounds, span, 1 / len(episodes)))
            ends.append(state.book)
        state.book = start.resolved(ends)
        return Run.joined(runs)

    def _play_episode(self, rounds: Rounds, span: Span, share: float) -> Run:
        first, count = self.rounds, len(rounds.paid)
        log2_prices, regrets = np.zeros(rounds.log2_forecasts.shape[:2]), np.zeros((count, len(self.names)))
        for t, paid in enumerate(rounds.paid):
            log2_prices[t], regrets[t] = self._round(rounds.log2_forecasts[t], rounds.stakes[t], paid, share)
        prices = np.exp2(log2_prices if rounds.paid is rounds.outcomes else log2_prices[:, 0])
        loss_bits = -log2_prices[np.arange(count), rounds.paid]
        regret_bits = regrets.sum(axis=0)
        return Run(prices, loss_bits, rounds.outcomes, range(first, self.rounds), [span], lambda: regret_bits)

    def _log2_price(self, log2_forecast: Floats, stakes: Floats) -> Floats:
        return kelly_price(self.log2_wealth, log2(stakes), log2_forecast, self._outcomes)

    def _round(self, log2_forecast: Floats, stakes: Floats, paid: int, share: float) -> tuple[Floats, Floats]:
        """Tax, price, settlement. Returns the log2 price (K,) and the regret to each trader awake (N,)."""
        self._tax_round(share)
        state, book = self._state, self._state.book
        log2_price = self._log2_price(log2_forecast, stakes)
        if log2_price[paid] == NOTHING:
            raise InputError(f"round {state.rounds}: nobody awake gave any probability to what happened")
        if np.any((stakes > 0) & (book.log2_wealth > NOTHING)):
            state.book = book.settled(kelly_growth(stakes, log2_forecast[paid], log2_price[paid]))
            self._post("settlement", "market", None, share * (state.book.wealth - book.wealth))
        state.rounds += 1
        awake = (stakes > 0) & state.entered
        return log2_price, np.where(awake, log2_forecast[paid] - log2_price[paid], 0)

    # What happens before rounds: a new stage, entries, the tax

    def _begin(self, stage: str | None, episodes: int, *, new_episode: bool) -> int:
        """Returns the number of the first episode."""
        state = self._state
        new_stage = not state.stages or stage not in (None, state.stage)
        new_batch = new_episode or not state.batches
        if new_stage:
            state.stage, state.stages, state.at_boundary = stage or state.stage, state.stages + 1, True
            self._open_column(state.stage)
        if new_batch:
            state.batches, state.episodes = state.batches + 1, state.episodes + episodes
            self._admit(state.episodes - episodes)
        first = state.episodes - (episodes if new_batch else 1)
        if self._unit == "stage" and new_stage:
            self._tax(range(state.stages - 1, state.stages))
        if self._unit == "batch" and new_batch:
            self._tax(range(state.batches - 1, state.batches))
        if self._unit == "episode" and new_batch:
            self._tax(range(first, state.episodes))
        return first

    def _open_column(self, stage: str) -> None:
        """Provenance tells stages apart by name; one that comes back goes on in its own column."""
        state = self._state
        if stage not in state.columns:
            state.columns.append(stage)
            origin = np.pad(state.book.log2_origin, ((0, 0), (0, 1)), constant_values=NOTHING)
            state.book = replace(state.book, log2_origin=origin)

    def _admit(self, episode: int) -> None:
        """Who enters takes its prior mass, which waited in the reserve."""
        state = self._state
        new = ~state.entered & (self._enters_at <= episode)
        cash = np.where(new, self._log2_prior, NOTHING)
        self._post("entry", "reserve", "entry", np.exp2(cash))
        self._post("entry", "entry", None, np.exp2(cash))
        state.entered = state.entered | new
        book, origin = state.book, state.book.log2_origin.copy()
        origin[new, 0] = cash[new]
        wealth, history = np.where(new, cash, book.log2_wealth), np.where(new, cash, book.log2_history)
        state.book = replace(book, log2_wealth=wealth, log2_origin=origin, log2_history=history)

    def _tax_round(self, share: float) -> None:
        if self._unit == "round":
            self._tax(range(self.rounds, self.rounds + 1), share)

    def _tax(self, indices: range, share: float = 1.0) -> None:
        """One levy for all these indices of the tax's unit, at 1 - prod(1 - h)."""
        state = self._state
        with np.errstate(divide="ignore"):  # a hazard of 1 leaves nobody: log 0
            log_survival = sum(np.log1p(-self._hazard(index, first=index == indices[0])) for index in indices)
        hazard, state.at_boundary = -np.expm1(log_survival), False
        if hazard == 0:
            return
        log2_rho = np.where(state.entered, self._log2_rho, NOTHING)  # nobody can become who has not entered
        before = state.book
        state.book = before.taxed(hazard, log2_rho, 1 + state.columns.index(state.stage))
        if self._arguments["definitions"]:
            state.book = state.book.redefined(hazard, log2_rho, max(indices[0], 1))
        leaves, _, move = redefinition(hazard, log2_rho)
        self._post("grue tax", None, "tax", share * before.wealth * leaves)
        self._post("grue tax", "tax", None, share * np.exp2(total(before.log2_wealth[:, None] + move, axis=0)))

    def _hazard(self, index: int, *, first: bool) -> float:
        """A landmark, be it an index or the beginning of a stage, replaces the schedule's hazard there."""
        if index == 0:
            return 0.0
        landmarks = self._grue.landmarks or {}
        if index in landmarks:
            return float(2.0 ** -landmarks[index])
        if first and self._state.at_boundary and self._state.stage in landmarks:
            return float(2.0 ** -landmarks[self._state.stage])
        return float(hazards(self._grue.schedule, index + 1)[index])

    # Ledger and frames

    def _post(self, cause: str, source: str | None, target: str | None, amounts: Floats) -> None:
        """Book the traders' amounts by group; a source or target of None is the trader's own group."""
        state = self._state
        sums = np.bincount(self._group, amounts, minlength=len(self._group_names))
        for group, amount in zip(self._group_names, sums.tolist(), strict=True):
            key = state.stage, state.batches - 1, cause, source or group, target or group
            if amount:
                state.ledger[key] = state.ledger.get(key, 0.0) + amount

    def ledger(self) -> pl.DataFrame:
        """Every transfer by stage, batch and cause, in shares of all money. Settlement is net over a batch."""
        rows = [
            (*key, amount) if amount > 0 else (*key[:3], key[4], key[3], -amount)
            for key, amount in self._state.ledger.items()
            if amount
        ]
        schema = {"stage": pl.String, "batch": pl.Int64, "cause": pl.String, "from": pl.String, "to": pl.String}
        return pl.DataFrame(rows, {**schema, "amount": pl.Float64}, orient="row")

    def _traders(self) -> dict[str, Any]:
        return {"trader": range(len(self.names)), "name": self.names, "group": self.groups, "wealth": self.wealth}

    def provenance(self) -> pl.DataFrame:
        """Each trader's wealth by the stage in which it last changed hands through the tax."""
        if not self._arguments["provenance"]:
            raise InputError("this market keeps no provenance; give provenance=True")
        columns = zip(["never", *self._state.columns], np.exp2(self._state.book.log2_origin).T, strict=True)
        return pl.DataFrame(self._traders() | dict(columns))

    def definitions(self, top: int = 10) -> pl.DataFrame:
        """The most probable history of the richest traders' money; indices count the tax's unit."""
        if not self._arguments["definitions"]:
            raise InputError("this market keeps no definitions; give definitions=True")
        book = self._state.book
        richest = np.argsort(-book.log2_wealth, kind="stable")[:top]
        richest = richest[book.log2_wealth[richest] > NOTHING]
        rules = pl.DataFrame(
            [self._rule(i) for i in richest],
            {"definition": pl.String, "switches": pl.Int64, "tax_bits": pl.Float64},
            orient="row",
        )
        traders = pl.DataFrame(self._traders() | {"log2_wealth": book.log2_wealth})[richest]
        shares = pl.Series("log2_share", book.log2_history[richest])
        return pl.concat([traders, rules], how="horizontal").with_columns(shares).with_row_index("rank", offset=1)

    def _rule(self, trader: int) -> tuple[str, int, float]:
        """Back through Viterbi's records: the history as text, its switches, the bits of tax it paid."""
        segments, tax_bits = [], 0.0
        for index, came_from, bits in reversed(self._state.book.levies):
            tax_bits += float(bits[trader])
            if came_from[trader] != trader:
                segments.append((index, trader))
                trader = came_from[trader]
        segments.append((0, trader))
        return rule(segments[::-1], self.names, tax_bits), len(segments) - 1, tax_bits
