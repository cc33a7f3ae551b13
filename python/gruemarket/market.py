"""The market: traders with a prior, their accounts, and every way to play rounds."""

import json
import os
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from gruemarket import _core
from gruemarket.arrays import floats, integers, matrix, vector
from gruemarket.blocks import Reader
from gruemarket.clearing import Clearing, Kelly, RuleSpec
from gruemarket.conventions import blocks_of_one_kind, check_groups, redefinitions, splits, stage_name
from gruemarket.errors import CheckpointError, InputError, ShapeError
from gruemarket.frames import definition_frame, ledger_frame
from gruemarket.grue import UNITS, GrueTax, TaxSpec
from gruemarket.run import Floats, Run, Span


class Transfer(NamedTuple):
    """What a step of reinforcement did: each trader's gain (N,), as a share of all money, and what scaled the step."""

    amounts: Floats
    scale: float


class Market:
    """Traders who bet on what comes next, with a prior set by their description lengths.

    Money is 1 in all: the traders' wealth and the reserve. Trader i starts with the share `2^-bits[i]`; a round clears
    at a price that wealth and forecasts make, by default their mean, and settlement moves money to those who predicted
    well (see `Kelly` and the other rules); before it a `GrueTax` may redefine some of the money. Every array has the
    traders on its last axis.

    Args:
        bits: (N,) description lengths in bits, finite and >= 0: numpy, Polars, Arrow or a list.
        prior: (N,) shares, in the place of `bits`.
        outcomes: how many outcomes K a question has.
        clearing: the rule: `Kelly(fraction)`, `Isoelastic(aversion)`, `LogPool(step)`, `LMSR(liquidity)` or
            `Demand(fn)`; None is `Kelly()`. All but Kelly's need forecasts of every outcome, not likelihoods.
        grue: a `GrueTax`, or None for no tax.
        groups: (N,) labels, for the ledger and for taxes within groups; None puts all into the group "all".
        names: (N,) names for the frames; None names traders by their index.
        enters_at: (N,) the episode at which each trader enters; until then its prior mass waits in the reserve.
        dtype: "f64" or "f32": how wealth is kept. f32 halves the memory and keeps about 7 digits.
        normalize: divide the prior by its sum.
        definitions: follow the most probable history of redefinitions of every trader (takes time and memory).
        provenance: follow in which stage money was redefined (with a tax only).

    Raises:
        InputError: the prior sums to more than 1 + 1e-9, or is empty, negative or NaN; unknown names; a clearing rule
            that does not fit the outcomes or the traders.
        ShapeError: arrays of different lengths.

    >>> import gruemarket as gm
    >>> market = gm.Market([1, 2, 2], names=["fair", "heads", "tails"])
    >>> run = market.run([[0.5, 0.9, 0.1]] * 3, [1, 1, 1])
    >>> run.loss_bits.round(3).tolist()
    [1.0, 0.599, 0.43]
    >>> market.wealth.round(3).tolist()
    [0.255, 0.744, 0.001]
    >>> bool(run.regret_bits.max() <= 2)
    True
    """

    def __init__(
        self,
        bits: Any = None,
        *,
        prior: Any = None,
        outcomes: int = 2,
        clearing: Clearing | None = None,
        grue: GrueTax | None = None,
        groups: Sequence[Any] | npt.NDArray[Any] | None = None,
        names: Sequence[str] | None = None,
        enters_at: npt.ArrayLike | None = None,
        dtype: Literal["f64", "f32"] = "f64",
        normalize: bool = False,
        definitions: bool = False,
        provenance: bool = True,
    ) -> None:
        if (bits is None) == (prior is None):
            raise InputError("give either bits or prior")
        if dtype not in ("f64", "f32"):
            raise InputError(f"dtype {dtype!r}; 'f64' or 'f32'")
        given = vector(prior, "prior") if bits is None else vector(bits, "bits")
        ids, labels = _groups(groups, len(given))
        core = _core.Market(
            prior=given,
            is_bits=bits is not None,
            outcomes=_outcomes(outcomes),
            clearing=RuleSpec.of(clearing),
            tax=None if grue is None else TaxSpec.of(grue),
            groups=ids,
            group_count=len(labels),
            enters_at=None if enters_at is None else integers(enters_at, "enters_at"),
            dtype=dtype,
            normalize=normalize,
            provenance=provenance,
            definitions=definitions,
        )
        self._adopt(core, _names(names, len(given)), labels)

    # --- Playing

    def run(
        self,
        forecasts: Any = None,
        outcomes: Any = None,
        stakes: Any = None,
        *,
        likelihoods: Any = None,
        stage: str | None = None,
        new_episode: bool = True,
        regret: bool = True,
    ) -> Run:
        """Plays rounds of one episode, settled one by one.

        Args:
            forecasts: (T, K, N), for K = 2 also (T, N) probabilities of outcome 1; float64 or float32, or
                `SparseRounds`. Each forecast must sum to 1 within 1e-6 (float32: 1e-4) and is then used as given.
            outcomes: (T,) integers in 0..K-1.
            stakes: (N,) or (T, N) in [0, 1]: the fraction of its wealth that each trader puts up; 0 sleeps.
            likelihoods: (T, N) the probability that each trader gave to what happened, in the place of `forecasts`.
            stage: the name of the stage; None stays in the present one.
            new_episode: whether the rounds begin an episode or go on with the last.
            regret: whether the Run shall know every trader's regret, which costs a little time.

        Raises:
            InputError: NaN, negative or unnormalised forecasts, stakes or outcomes out of range.
            ShapeError: arrays that do not fit.
            ImpossibleOutcomeError: nobody awake gave the outcome any probability.
            NotClearedError: the clearing rule found no price.
                After any of these the market is as it was before the call.
            KeyboardInterrupt: the market is as it was after the last settled round.
        """
        block = self._reader.read(forecasts, outcomes, stakes, likelihoods)
        self._settle_pending()
        first_round = self.rounds
        run = self._core.run_sparse if block.sparse else self._core.run
        core = run(block.packed, stage_name(stage), new_episode, regret)
        spans = [Span(block.rounds, self.episodes - 1, self.batches - 1, self.stage)]
        width = 1 if block.layout == "likelihood" else self._core.outcomes
        return self._run(core, block.outcomes, range(first_round, self.rounds), spans, width)

    def run_blocks(
        self, blocks: Iterable[Any], *, stage: str | None = None, new_episode: bool = True, regret: bool = True
    ) -> Run:
        """Plays one episode whose rounds come in blocks, so that they need not fit into memory.

        Args:
            blocks: tuples (forecasts, outcomes) or (forecasts, outcomes, stakes), dicts of `run`'s keywords, or arrays
                of likelihoods. An invalid block leaves the market as it was before that block.
            stage: as in `run`.
            new_episode: whether the first block begins an episode.
            regret: as in `run`; it is worked out block by block.

        >>> import gruemarket as gm
        >>> market = gm.Market([1, 1])
        >>> market.run_blocks([[0.9, 0.1]] for _ in range(3)).loss_bits.round(3).tolist()
        [1.0, 0.286, 0.168]
        """
        runs: list[Run] = []
        regret_bits = np.zeros(len(self) if regret else 0)
        for block in blocks_of_one_kind(blocks):
            run = self.run(**block, stage=stage, new_episode=new_episode and not runs, regret=regret)
            if regret:
                regret_bits += run.regret_bits
            # one sum for all blocks: no block's own regret is held on to
            runs.append(replace(run, find_regret=regret_bits.copy))
        if not runs:
            none = np.empty((0, len(self)))
            return self.run(likelihoods=none, stage=stage, new_episode=new_episode, regret=regret)
        return replace(Run.joined(runs), find_regret=regret_bits.copy)

    def run_batch(
        self, episodes: Iterable[Any], *, stakes: Any = None, stage: str | None = None, regret: bool = True
    ) -> Run:
        """Plays E episodes in parallel, each from the same slow wealth, and resolves them all at once.

        Every trader splits its stake evenly, so its wealth becomes the mean of what it ends the episodes with: E = 1 is
        online Bayes, a large E one step of expectation-maximisation.

        Args:
            episodes: what `run_blocks` takes, one item an episode.
            stakes: for all episodes that bring none of their own.
            stage: as in `run`.
            regret: as in `run`.

        >>> import gruemarket as gm
        >>> market = gm.Market([1, 1])
        >>> run = market.run_batch([([[0.75, 0.25]], [1]), ([[0.75, 0.25]], [0])])
        >>> market.wealth.tolist()
        [0.5, 0.5]
        """
        items = list(blocks_of_one_kind(episodes))
        if not items:
            raise InputError("a batch of no episodes; give one or more")
        # the mean over episodes concerns everybody, so sparse rounds are spread out
        parsed = [self._reader.read(**({"stakes": stakes} | item), spread=True) for item in items]
        self._settle_pending()
        first_round, first_episode = self.rounds, self.episodes
        dtype = np.result_type(*(block.packed[0] for block in parsed))
        packed = [(block.packed[0].astype(dtype, copy=False), *block.packed[1:]) for block in parsed]
        core = self._core.run_batch(packed, stage_name(stage), regret)
        outcomes = [block.outcomes for block in parsed if block.outcomes is not None]
        spans = [Span(block.rounds, first_episode + e, self.batches - 1, self.stage) for e, block in enumerate(parsed)]
        known = np.concatenate(outcomes) if len(outcomes) == len(parsed) else None
        width = 1 if parsed[0].layout == "likelihood" else self._core.outcomes
        return self._run(core, known, range(first_round, self.rounds), spans, width)

    def price(self, forecast: Any, stakes: Any = None) -> Floats:
        """(K,) the prices at which `settle` would clear, the round's tax included. Nothing moves.

        Args:
            forecast: (K, N), for K = 2 also (N,) probabilities of outcome 1.
            stakes: (N,) in [0, 1].
        """
        values = floats(forecast, "forecast")[None]
        block = self._reader.read(values, [0], stakes, None)
        return np.asarray(self._core.price(block.packed))

    def settle(
        self,
        forecast: Any,
        outcome: int,
        stakes: Any = None,
        *,
        stage: str | None = None,
        new_episode: bool = False,
        regret: bool = True,
    ) -> Run:
        """Plays one round of the present episode; the same bits as in `run`."""
        values = floats(forecast, "forecast")[None]
        return self.run(values, [outcome], stakes, stage=stage, new_episode=new_episode, regret=regret)

    # --- Other markets of the same traders

    def virgin(self) -> Self:
        """The same traders with their prior, before anything has happened."""
        return self._with(self._core.virgin())

    def with_wealth(self, shares: Any) -> Self:
        """The same traders and clocks with other cash, (N,) shares; what they leave short of 1 is the reserve.

        Ledger, provenance and definitions begin anew.
        """
        return self._with(self._core.with_wealth(vector(shares, "shares")))

    def redefined(
        self,
        traders: Any,
        bits: Any,
        *,
        names: Sequence[str] | None = None,
        groups: Sequence[Any] | None = None,
        stage: str | None = None,
    ) -> Self:
        """The market with new traders, each of which says "as trader i until now, from now on otherwise".

        This is the Grue tax on demand: a new trader takes the share `2^-bits` of its source's money, which is what a
        code for "now" and "otherwise" leaves it; the source keeps the rest. So does the prior, whose sum stays. It is
        as averse to risk as its source. The ledger has it as grue tax, provenance as money redefined in `stage`. In a
        market that has not begun the prior is divided and nobody pays.

        Args:
            traders: (M,) indices of those that are redefined, each once.
            bits: what naming the redefinition takes, > 0: one number or (M,).
            names: (M,) names of the new traders.
            groups: (M,) their groups; None leaves each in its source's.
            stage: the stage that begins with this; None stays in the present one.

        Raises:
            InputError: an unknown trader, one that has not entered, one given twice; bits that are not above 0.

        >>> import gruemarket as gm
        >>> market = gm.Market([1, 1], names=["old", "other"])
        >>> _ = market.run([[0.5, 0.5]], [1])
        >>> after = market.redefined([0], 2, names=["new"], stage="fine-tuning")
        >>> after.names, after.wealth.tolist()
        (['old', 'other', 'new'], [0.375, 0.5, 0.125])
        """
        sources, lengths, added, given = redefinitions(traders, bits, names, groups, self)
        labels = list(dict.fromkeys([*self._group_names, *given]))
        rows = [(i, b, labels.index(group)) for i, b, group in zip(sources, lengths, given, strict=True)]
        other = object.__new__(type(self))
        core = self._core.redefined(rows, len(labels), stage_name(stage))
        other._adopt(core, [*self.names, *added], labels)
        return other

    def split(self, sources: Any, shares: Any, *, names: Sequence[str] | None = None) -> Self:
        """The market whose traders are parts of the present ones, which stood for several that come to differ.

        Members of a cluster that forecast alike hold money in proportion to their prior mass, so they may be told apart
        at any time until they differ: as if they had been traders of their own all along. Wealth, also that of the
        present episode, and prior are divided; groups, aversions, provenance and definitions are copied. Nobody pays.

        Args:
            sources: (M,) the trader that each new one is part of, in the order of the new ones. Who is not split comes
                once.
            shares: (M,) the share of its source's money, above 0; those of a source sum to 1.
            names: (M,) names of the new traders; None keeps those of the sources.

        Raises:
            InputError: an unknown trader, one that does not come, shares that do not sum to 1, the maker of `LMSR`, or
                a tax whose kernel is given by rows: only kernels by prior mass pay parts as they paid the whole.
            ShapeError: lengths that differ.

        >>> import gruemarket as gm
        >>> market = gm.Market([1, 1], names=["both", "other"])
        >>> _ = market.run([[0.75, 0.25]], [1])
        >>> after = market.split([0, 0, 1], [0.25, 0.75, 1], names=["one", "two", "other"])
        >>> after.names, after.wealth.tolist(), after.bits.tolist()
        (['one', 'two', 'other'], [0.1875, 0.5625, 0.25], [3.0, 1.415037499278844, 1.0])
        """
        parts, called = splits(sources, shares, names, self)
        other = object.__new__(type(self))
        other._adopt(self._core.split(parts), called, self._group_names)
        return other

    def reinforce(self, parts: Any, advantages: Any, *, step: float = 1.0) -> "Transfer":
        """Pays the traders behind good rollouts out of the money of those behind bad ones, in the present batch.

        Trader i gains `step / (G - 1) sum_g advantages[g] parts[g, i]`. With parts that are posterior shares this is,
        in expectation, the replicator: the policy gradient on wealth. Nobody is overdrawn: the whole step is scaled so
        that no account pays more than 0.9 of what it has.

        Args:
            parts: (G, N) each trader's fast wealth at the end of each rollout, as a share of all money.
            advantages: (G,) of the rollouts; they sum to 0.
            step: the size of the step, >= 0.

        Raises:
            InputError: advantages that do not sum to 0, parts that do not sum to the traders' money, NaN.
            ShapeError: parts of another shape.

        >>> import gruemarket as gm
        >>> market = gm.Market([1, 1])
        >>> _ = market.run_batch([[[0.5, 0.5]]] * 2)
        >>> market.reinforce([[0.75, 0.25], [0.25, 0.75]], [1, -1], step=0.1)
        Transfer(amounts=array([ 0.05, -0.05]), scale=1.0)
        """
        return Transfer(*self._core.reinforce(matrix(parts, "parts"), vector(advantages, "advantages"), float(step)))

    def _with(self, core: _core.Market) -> Self:
        other = object.__new__(type(self))
        other._adopt(core, self._names, self._group_names)
        return other

    def __copy__(self) -> Self:
        return self._with(self._core.__copy__())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    # --- Reading

    @property
    def wealth(self) -> Floats:
        """(N,) each trader's share of all money; 0 below 2^-1074, see `log2_wealth`."""
        return np.asarray(self._core.wealth())

    @property
    def log2_wealth(self) -> Floats:
        """(N,) log2 of each trader's share; -inf for who holds nothing."""
        return np.asarray(self._core.log2_wealth())

    @property
    def clearing(self) -> Clearing:
        """The clearing rule; a trader's own aversion stands at its index, also of those that were redefined."""
        return RuleSpec(*self._core.clearing()).rule

    @property
    def reserve(self) -> float:
        """The share that no entered trader owns."""
        return self._core.reserve

    @property
    def bits(self) -> Floats:
        """(N,) each trader's prior in bits, as the market uses it."""
        return np.asarray(self._core.bits())

    @property
    def names(self) -> list[str]:
        """(N,) the traders' names."""
        return [str(i) for i in range(len(self))] if self._names is None else list(self._names)

    @property
    def groups(self) -> list[str]:
        """(N,) each trader's group."""
        return self._group_column().to_list()

    @property
    def rounds(self) -> int:
        """Rounds settled so far."""
        return self._core.clock[0]

    @property
    def episodes(self) -> int:
        """Episodes begun so far."""
        return self._core.clock[1]

    @property
    def batches(self) -> int:
        """Batches begun so far."""
        return self._core.clock[2]

    @property
    def stages(self) -> int:
        """Stages begun so far; one that comes back counts again."""
        return self._core.clock[3]

    @property
    def clock(self) -> dict[str, int]:
        """How many there were so far of each unit that a tax may count."""
        return dict(zip(UNITS, (self.rounds, self.episodes, self.batches, self.stages), strict=True))

    @property
    def stage(self) -> str:
        """The present stage; "main" until one is named."""
        return self._core.stage or "main"

    @property
    def follows_definitions(self) -> bool:
        """Whether it was built with `definitions=True`."""
        return self._core.follows_definitions

    @property
    def state_bytes(self) -> int:
        """Bytes of the books and of what stands beside each trader.

        A trader takes 16 (f32: 8) for its prior and its wealth, and 0, 1, 2 or 4 each for its group, the episode at
        which it enters, and how far its prior and its wealth are drained. Provenance and definitions come on top.
        Sums by group are not counted.
        """
        return self._core.state_bytes

    def __len__(self) -> int:
        return self._core.traders

    def __repr__(self) -> str:
        tax = f", taxed by {self._core.unit}" if self._core.unit else ""
        groups = "" if len(self._group_names) == 1 else f" in {len(self._group_names)} groups"
        rule = "" if self.clearing == Kelly() else f", cleared by {type(self.clearing).__name__}"
        kind = f"{len(self)} traders{groups}, {self._core.outcomes} outcomes, {self._core.dtype}{rule}{tax}"
        return f"Market({kind}, {self.rounds} rounds)"

    def ledger(self) -> pl.DataFrame:
        """Every transfer: stage, batch, cause, from, to, amount (share of all money, > 0).

        Causes are "settlement" (a group's net over the batch, with the counterparty `market`), "grue tax" (gross, with
        `tax`), "entry" (from `reserve` by way of `entry`) and "reinforcement" (net, with `reinforcement`). What is left
        of every counterparty but the reserve is 0.

        >>> import gruemarket as gm
        >>> market = gm.Market([1, 1], groups=["a", "b"])
        >>> _ = market.run(likelihoods=[[0.75, 0.25]])
        >>> market.ledger().rows()
        [('main', 0, 'settlement', 'market', 'a', 0.25), ('main', 0, 'settlement', 'b', 'market', 0.25)]
        """
        return ledger_frame(self._core.ledger(), self._group_names)

    def provenance(self) -> pl.DataFrame:
        """Each trader's wealth by the stage in which its definition last changed.

        Columns: trader, name, group, wealth, never, and one a stage, in shares; `never` and the stages sum to `wealth`.

        Raises:
            InputError: the market was built with `provenance=False`.
        """
        if not self._core.keeps_provenance:
            raise InputError("this market keeps no provenance; build it with provenance=True")
        wealth = self.wealth
        parts = {("never" if stage is None else stage): wealth * shares for stage, shares in self._core.provenance()}
        return (
            self._trader_frame()
            .with_columns(wealth=wealth)
            .with_columns(pl.Series(stage, amount) for stage, amount in parts.items())
        )

    def definitions(self, top: int = 10) -> pl.DataFrame:
        """The most probable histories behind the money of the richest traders.

        Columns: rank, trader, name, group, wealth, log2_wealth, definition, switches, tax_bits (-log2 of the history's
        hazards, survivals and kernel terms), log2_share (log2 of the money of this one history). The rule's indices
        count the tax's unit.

        Raises:
            InputError: the market was built without `definitions=True`.
        """
        if top < 0:
            raise InputError(f"top {top} is negative")

        return definition_frame(self._core.definitions(top), self._names, self._group_names)

    def _trader_frame(self) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "trader": pl.Series(range(len(self)), dtype=pl.Int64),
                "name": pl.Series(self.names, dtype=pl.String),
                "group": self._group_column(),
            }
        )

    def _group_column(self) -> pl.Series:
        ids = self._core.groups()
        return pl.Series("group", self._group_names, dtype=pl.String).gather(ids if len(ids) else [0] * len(self))

    # --- Saving

    def save(self, path: str | os.PathLike[str]) -> None:
        """Saves everything to a safetensors file: written beside it, synced, then renamed.

        Raises:
            InputError: the market clears by a function (`Demand`), which a file cannot hold.
            OSError: the folder cannot be written, or the disk is full. What was at `path` before is still there.
        """
        self._core.save(Path(path), self._note())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The market that was saved to `path`; it goes on with the same bits.

        Raises:
            CheckpointError: the file is truncated, damaged, or of a newer format.
            FileNotFoundError: there is none.
        """
        market = object.__new__(cls)
        market._restore(_core.Market.load(Path(path)), path)
        return market

    def __getstate__(self) -> bytes:
        return self._core.to_bytes(self._note())

    def __setstate__(self, saved: bytes) -> None:
        self._restore(_core.Market.from_bytes(saved), "a market's bytes")

    # --- Inside

    def _adopt(self, core: _core.Market, names: list[str] | None, groups: list[str]) -> None:
        self._core, self._names, self._group_names = core, names, groups
        self._reader = Reader(core.traders, core.outcomes)
        self._pending: weakref.ref[Run] | None = None

    def _note(self) -> str:
        return json.dumps({"names": self._names, "groups": self._group_names})

    def _restore(self, saved: tuple[_core.Market, str], where: object) -> None:
        core, note = saved
        try:
            kept = json.loads(note)
            names, groups = kept["names"], kept["groups"]
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{where}: its names cannot be read ({error!r})") from error
        self._adopt(core, names, groups)

    def _settle_pending(self) -> None:
        """Works out the last Run's regret while the accounts it comes from are still the market's."""
        last = None if self._pending is None else self._pending()
        if last is not None:
            _ = last.regret_bits
        self._pending = None

    def _run(
        self,
        core: _core.Run,
        outcomes: npt.NDArray[np.int64] | None,
        rounds: range,
        spans: list[Span],
        width: int,
    ) -> Run:
        prices = core.prices if width == 1 else core.prices.reshape(-1, width)
        passes = core.passes.astype(np.int64)
        run = Run(prices, core.losses, outcomes, rounds, spans, core.regret_bits, passes, core.residuals)
        if core.regret_is_pending():
            self._pending = weakref.ref(run)
        return run


def _outcomes(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or not 2 <= given < 2**31:
        raise InputError(f"{given!r} outcomes; a question has 2 or more")
    return int(given)


def _names(given: Sequence[str] | None, traders: int) -> list[str] | None:
    if given is None:
        return None
    names = [str(name) for name in given]
    if len(names) != traders:
        raise ShapeError(f"{len(names)} names for {traders} traders")
    return names


def _groups(given: Any, traders: int) -> tuple[npt.NDArray[np.uint32] | None, list[str]]:
    """Each trader's group as a number, and the groups' labels in order of first appearance."""
    if given is None:
        return None, ["all"]
    try:
        labels = pl.Series(values=given).cast(pl.String)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise InputError(f"groups cannot be read as one label a trader ({error}); give strings or integers") from error
    if len(labels) != traders:
        raise ShapeError(f"{len(labels)} groups for {traders} traders")
    if labels.null_count():
        raise InputError("a group's label is missing")
    names = labels.unique(maintain_order=True)
    check_groups(names)
    number = pl.DataFrame({"label": names, "id": pl.Series(range(len(names)), dtype=pl.UInt32)})
    ids = pl.DataFrame({"label": labels}).join(number, on="label", how="left", maintain_order="left")["id"]
    return np.ascontiguousarray(ids.to_numpy()), names.to_list()
