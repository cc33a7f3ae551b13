"""The market: rounds, episodes, batches, taxes, the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gruemarket.clearing import Isoelastic, Kelly
from gruemarket.conventions import blocks_of_one_kind, check_groups, redefinitions, rule, splits, stage_name
from gruemarket.errors import InputError, MarketError
from gruemarket.reference.books import Book, State
from gruemarket.reference.clearing import Cleared, clear, grown
from gruemarket.reference.given import Rounds, check_rule, endowment, shares, simplex
from gruemarket.reference.logs import NOTHING, SUM_TOLERANCE, log2, total
from gruemarket.reference.tax import hazards, kernel_matrix, redefinition
from gruemarket.run import Floats, Run, Span
from gruemarket.sparse import SparseRounds


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
        self._clearing = Kelly() if clearing is None else clearing
        check_rule(self._clearing, outcomes, n)
        self._fraction = getattr(self._clearing, "fraction", 1.0)
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
        later: dict[str, Any] = {
            "bits": -np.concatenate([self._log2_prior + rest, self._log2_prior[source] - bits]),
            "prior": None,
            "names": [*self.names, *names],
            "groups": [*self.groups, *groups],
            "enters_at": np.concatenate([self._enters_at, np.zeros(m, int)]),
            "normalize": False,
        }
        if isinstance(self._clearing, Isoelastic) and np.ndim(self._clearing.aversion):  # who is redefined keeps its
            each = np.asarray(self._clearing.aversion)
            later["clearing"] = Isoelastic(np.append(each, each[source]), self._clearing.floor)
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

    def split(self, sources: Any, shares: Any, *, names: Sequence[str] | None = None) -> Market:
        """The traders are parts of those before: money and prior are divided, all else is copied."""
        parts, called = splits(sources, shares, names, self)
        source, share = np.array([i for i, _ in parts], int), np.array([x for _, x in parts])
        sums = np.bincount(source, share, minlength=len(self.names))
        maker = getattr(self._clearing, "maker", None)
        if np.any(abs(sums - 1) > SUM_TOLERANCE) or np.any(share <= 0):
            raise InputError(
                f"shares that sum to {sums.tolist()} by trader; give shares above 0 that sum to 1 for each"
            )
        if self._grue and not isinstance(self._grue.kernel, str):
            raise InputError("parts of a trader under a kernel given by rows")
        first = np.array([source.tolist().index(i) for i in range(len(self.names))])
        if maker is not None and np.count_nonzero(source == maker) > 1:
            raise InputError("the market's maker in parts")
        log2_share = np.log2(share / sums[source])
        later: dict[str, Any] = {
            "bits": -(self._log2_prior[source] + log2_share),
            "prior": None,
            "names": called,
            "groups": [self.groups[i] for i in source],
            "enters_at": self._enters_at[source],
            "normalize": False,
        }
        if isinstance(self._clearing, Isoelastic) and np.ndim(self._clearing.aversion):
            later["clearing"] = Isoelastic(np.asarray(self._clearing.aversion)[source], self._clearing.floor)
        if maker is not None:
            later["clearing"] = replace(self._clearing, maker=int(first[maker]))
        other = Market(**(self._arguments | later))
        state = self._state.fork()
        state.book = state.book.split(source, log2_share, first)
        state.entered = state.entered[source]
        other._spare, other._state = self._spare, state  # of the same class
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
        if runs:
            return Run.joined(runs)
        no_rounds = np.empty((0, len(self.names)))
        return self.run(likelihoods=no_rounds, stage=stage, new_episode=new_episode)

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
            return np.exp2(self._clear(asked.log2_forecasts[0], asked.stakes[0]).log2_price)
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
        if rounds and likelihoods is not None and not isinstance(self._clearing, Kelly):
            raise InputError(f"likelihoods of what happened; {self._clearing!r} needs forecasts of every outcome")
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
        passes, residuals = np.zeros(count, dtype=np.int64), np.zeros(count)
        for t, paid in enumerate(rounds.paid):
            cleared, regrets[t] = self._round(rounds.log2_forecasts[t], rounds.stakes[t], paid, share)
            log2_prices[t], passes[t], residuals[t] = cleared.log2_price, cleared.passes, cleared.residual
        prices = np.exp2(log2_prices if rounds.paid is rounds.outcomes else log2_prices[:, 0])
        loss_bits = -log2_prices[np.arange(count), rounds.paid]
        regret_bits, indices = regrets.sum(axis=0), range(first, self.rounds)
        return Run(
            prices, loss_bits, rounds.outcomes, indices, [span], lambda: regret_bits, passes=passes, residual=residuals
        )

    def _clear(self, log2_forecast: Floats, stakes: Floats) -> Cleared:
        try:
            return clear(self._clearing, self.log2_wealth + log2(stakes), log2_forecast, self._outcomes)
        except MarketError as error:
            raise type(error)(f"round {self.rounds}: {error}") from None

    def _round(self, log2_forecast: Floats, stakes: Floats, paid: int, share: float) -> tuple[Cleared, Floats]:
        """Tax, price, settlement. Returns the cleared market and the regret to each trader awake (N,)."""
        self._tax_round(share)
        state, book = self._state, self._state.book
        cleared = self._clear(log2_forecast, stakes)
        if cleared.log2_price[paid] == NOTHING:
            raise InputError(f"round {state.rounds}: nobody awake gave any probability to what happened")
        if np.any((stakes > 0) & (book.log2_wealth > NOTHING)):
            state.book = book.settled(grown(stakes, cleared.log2_growth(paid)))
            self._post("settlement", "market", None, share * (state.book.wealth - book.wealth))
        state.rounds += 1
        awake = (stakes > 0) & state.entered
        return cleared, np.where(awake, log2_forecast[paid] - cleared.log2_price[paid], 0)

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
