"""The inductor: families and one market over all their accounts, which reads, prices, generates; itself a family."""

import copy
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gruemarket import _core, saved
from gruemarket.clearing import Clearing, Kelly, restricted
from gruemarket.errors import InputError
from gruemarket.families import Adapter, outcomes_of
from gruemarket.grue import GrueTax, redefinition_bits
from gruemarket.market import Market
from gruemarket.run import Floats, Run
from gruemarket.samples import Rehearsal, Sample

BYTE = 8  # rounds, where the outcomes are bits
NOBODY_KNOWS = np.empty(0, dtype=np.uint32)  # what comes next


class Inductor:
    """Families of any kind, and one market over all their accounts.

    Slow wealth stands between episodes; in an episode each account's fast wealth compounds round by round, which is
    inference in context; a batch of episodes is resolved all at once. The inductor is itself a family with one account,
    whose forecast is its price, so inductors nest.

    Args:
        families: name -> family (see `Family`). With 2 outcomes, bytes and text are read as bits, the most significant
            first; with 256, byte by byte.
        clearing: as in `Market`; a small fraction is for families of which a mixture is right, not one for ever. All
            rules but Kelly's ask the families for every outcome's forecast, round by round, which takes longer where
            outcomes are many. Aversions and the maker go by account.
        grue: as in `Market`.
        bits: name -> description length in bits; None gives each of M families log2 M. Accounts add their own.
        seed: of `generate`, where that is given none.
        definitions: follow the most probable definitions; None does where there is a tax that is not levied by round
            (which of a text is a bit): `GrueTax(..., unit="episode")` counts episodes.

    Attributes:
        families: name -> family: the very objects that were given, which learn as the inductor reads.
        market: the accounts and their wealth, one group for each family; see `Market`.
        outcomes: K, of every family.
        frozen: whether the inductor as a whole is frozen, see `freeze`.

    Raises:
        InputError: no families, the same object twice, something that is not a family, `bits` for other names.
        ShapeError: families that forecast different numbers of outcomes.

    >>> import gruemarket as gm
    >>> inductor = gm.Inductor({"a": gm.Table([[[0.9]], [[0.9]]]), "b": gm.Table([[[0.2]], [[0.2]]])})
    >>> inductor.read([[1], [1]]).loss_bits.round(3).tolist()
    [0.862, 0.372]
    >>> inductor.market.wealth.round(3).tolist()
    [0.953, 0.047]

    Voices learn what is labelled with their names, and the market whom to believe in which context:

    >>> voices = gm.Inductor({name: gm.Text(memory_mib=1) for name in ("cat", "dog")})
    >>> run = voices.read([b"meow, purr, " * 20, b"woof, growl, " * 20], labels=["cat", "dog"], batch=2)
    >>> voices.generate("woof", max_bytes=2)[0].text
    ', '
    """

    _shared = False  # whether another inductor has the very same families
    origin: tuple[Path, dict[str, Any]] | None = None  # the run directory it is trained in, its config before that

    def __init__(
        self,
        families: Mapping[str, Any],
        *,
        clearing: Clearing | None = None,
        grue: GrueTax | None = None,
        bits: Mapping[str, float] | None = None,
        seed: int = 0,
        definitions: bool | None = None,
    ) -> None:
        self._adopt_families(families, seed)
        if bits is not None and (unknown := set(bits) ^ set(families)):
            raise InputError(f"bits name {sorted(bits)}, the families are {sorted(families)}: {sorted(unknown)} differ")
        own = [float(np.log2(len(families))) if bits is None else float(bits[name]) for name in self.families]
        self.market = Market(
            [b + more for b, member in zip(own, self._adapters, strict=True) for more in member.bits],
            outcomes=self.outcomes,
            clearing=clearing,
            grue=grue,
            groups=[name for name, member in self._named() for _ in range(member.accounts)],
            names=self._account_names(),
            definitions=(grue is not None and grue.unit != "round") if definitions is None else definitions,
        )
        self.clearing, self.grue = clearing, grue

    def _adopt_families(self, families: Mapping[str, Any], seed: int) -> None:
        self.families = dict(families)
        if not all(self.families):
            raise InputError(f"families {list(self.families)}; no name may be empty")
        if len({id(family) for family in self.families.values()}) < len(self.families):
            raise InputError("the same family stands under two names; give the second a fork() of it")
        self._adapters = [Adapter(family, name) for name, family in self.families.items()]
        self._members = _core.Members(self._adapters)
        self.seed = seed
        self.outcomes = self._members.outcomes
        self.frozen = False
        self._stiff: list[str] = []  # who was frozen before the inductor was
        self.reference = np.empty(0)  # (N,) the book that a stage of reinforcement began with
        self._fast: Market | None = None  # of the episode that is under way

    def _named(self) -> Iterable[tuple[str, Adapter]]:
        return zip(self.families, self._adapters, strict=True)

    def _account_names(self) -> list[str]:
        names = []
        for name, member in self._named():
            own = getattr(member.family, "names", ())
            own = own if len(own) == member.accounts else range(member.accounts)
            names.extend([name] if member.accounts == 1 else [f"{name}[{one}]" for one in own])
        return names

    @property
    def symbol(self) -> int:
        """Rounds a symbol: a byte's where the outcomes are bits."""
        return BYTE if self.outcomes == 2 else 1

    @property
    def names(self) -> list[str]:
        """The accounts' names: the family's; of several accounts `family[name]` by its own `names`, or `family[i]`."""
        return self.market.names

    def __repr__(self) -> str:
        return f"Inductor({', '.join(self.families)}; {self.market!r})"

    # --- Reading

    def read(
        self,
        episodes: Iterable[Any],
        *,
        labels: Sequence[str] | None = None,
        batch: int = 1,
        stage: str | None = None,
        regret: bool = True,
    ) -> Run:
        """Reads episodes: every family forecasts, then the market settles, batch by batch. Frozen, it keeps nothing.

        Args:
            episodes: bytes, text, or (T,) outcomes each.
            labels: a name for each episode: only the family of that name learns from it, and nobody where there is none
                of that name. None lets all learn. A frozen family never does. In a batch each family reads the
                episodes in turn, predicting before it learns.
            batch: how many episodes are resolved at once.
            stage: the stage of the market; None stays in the present one.
            regret: as in `Market.run`.

        Raises:
            InputError: an outcome out of range, labels that do not fit. The market is as it was before the batch, but
                families may have learned from episodes of it.
        """
        outcomes = [outcomes_of(episode, self.outcomes, f"episode {e}") for e, episode in enumerate(episodes)]
        if labels is not None and len(labels) != len(outcomes):
            raise InputError(f"{len(labels)} labels for {len(outcomes)} episodes")
        if batch < 1:
            raise InputError(f"batches of {batch} episodes; give 1 or more")
        self._tell_apart(outcomes)
        learn = np.ones((len(self.families), len(outcomes)), dtype=bool)
        if labels is not None:
            learn = np.array(list(self.families))[:, None] == np.array(labels)[None, :]
        runs = []
        for start in range(0, len(outcomes), batch):
            some = slice(start, start + batch)
            read = self._rounds(outcomes[some], learn[:, some])
            market = self._look_ahead() if self.frozen else self.market
            runs.append(market.run_batch(read, stage=stage, regret=regret))
        if not runs:
            raise InputError("no episodes; give one or more")
        return Run.joined(runs)

    def _tell_apart(self, episodes: list[npt.NDArray[np.uint32]], *, fresh: bool = True) -> None:
        """Splits accounts whose members come to differ in these episodes; their money is divided as it always was.

        Where the inductor is frozen, or shares its families with another, such accounts forecast as mixtures.
        """
        if self.frozen or self._shared:
            return
        counts = [member.accounts for member in self._adapters]
        found = [member.split_accounts(episodes, fresh=fresh) for member in self._adapters]
        if not any(found):
            return
        starts = itertools.accumulate(counts, initial=0)
        kept = (parts or [(i, 1.0) for i in range(count)] for parts, count in zip(found, counts, strict=True))
        parts = [(start + i, share) for start, some in zip(starts, kept, strict=False) for i, share in some]
        self._adapters = [Adapter(family, name) for name, family in self.families.items()]
        self._members = _core.Members(self._adapters)
        sources, shares = np.array([i for i, _ in parts]), np.array([share for _, share in parts])
        market = self.market.split(sources, shares, names=self._account_names())
        self._fast = market if self._fast is self.market else self._fast
        self.market = market
        self.clearing = None if self.clearing is None else market.clearing
        if self.reference.size:
            self.reference = self.reference[sources] * shares

    def _rounds(self, outcomes: list[npt.NDArray[np.uint32]], learn: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
        """The members' forecasts of each episode as the market's rule needs them: keywords of `Market.run`."""
        kelly = self.clearing is None or isinstance(self.clearing, Kelly)
        read = self._members.likelihoods(outcomes, np.ascontiguousarray(learn), not kelly)
        if kelly:
            return [{"likelihoods": rows} for rows in read]
        shape = (-1, self.outcomes, self._members.accounts)
        return [{"forecasts": rows.reshape(shape), "outcomes": x} for rows, x in zip(read, outcomes, strict=True)]

    def _look(self, episodes: Iterable[Any]) -> list[dict[str, Any]]:
        """The same while nobody learns."""
        outcomes = [outcomes_of(episode, self.outcomes, f"episode {e}") for e, episode in enumerate(episodes)]
        return self._rounds(outcomes, np.zeros((len(self.families), len(outcomes)), dtype=bool))

    def likelihoods(self, episodes: Iterable[Any]) -> list[Floats]:
        """The probability each account gives to what happened, (T, N) for each episode. Nothing learns or moves."""
        outcomes = [outcomes_of(episode, self.outcomes, f"episode {e}") for e, episode in enumerate(episodes)]
        return self._members.likelihoods(outcomes, np.zeros((len(self.families), len(outcomes)), dtype=bool))

    def learn(self, episodes: Sequence[Any]) -> None:
        """Every family that is not frozen learns from the episodes; no money moves."""
        outcomes = [outcomes_of(episode, self.outcomes, f"episode {e}") for e, episode in enumerate(episodes)]
        if outcomes and not all(family.frozen for family in self.families.values()):
            self._tell_apart(outcomes)
            self._members.likelihoods(outcomes, np.ones((len(self.families), len(outcomes)), dtype=bool))

    def rehearse(
        self,
        episodes: Iterable[Any],
        marks: Sequence[int] = (),
        *,
        market: Market | None = None,
        new_episode: bool = True,
    ) -> list[Rehearsal]:
        """Each episode as it would be read next, from the present slow wealth. Nothing learns or moves.

        Args:
            episodes: as in `read`.
            marks: bytes (outcomes, where they are not bits) after which to look at the fast wealth, in rising order;
                marks past an episode's end stand for its end.
            market: other cash of the same accounts, see `Market.with_wealth`; None takes the inductor's own.
            new_episode: False goes on in the market's present episode, untaxed.
        """
        ends = [mark * self.symbol for mark in marks]
        begun = self._look_ahead(market)
        begun.run(likelihoods=np.empty((0, len(begun))), new_episode=new_episode, regret=False)
        return [self._rehearse(copy.copy(begun), rounds, ends) for rounds in self._look(episodes)]

    def _rehearse(self, fast: Market, rounds: dict[str, Any], ends: list[int]) -> Rehearsal:
        rows = _of_what_happened(rounds)
        losses, wealth = [], []
        for first, last in itertools.pairwise([0, *(min(end, len(rows)) for end in ends), len(rows)]):
            some = _cut(rounds, slice(first, last))
            losses.append(fast.run(**some, new_episode=False, regret=False).loss_bits)
            wealth.append(fast.wealth)
        with np.errstate(divide="ignore"):
            return Rehearsal(np.concatenate(losses), -np.log2(rows).sum(axis=0), np.array(wealth))

    def _look_ahead(self, market: Market | None = None) -> Market:
        """The accounts to play on, without the records."""
        market = self.market if market is None else market
        return market._with(market._core.without_records())  # noqa: SLF001

    def price(self, context: Any = b"") -> Floats:
        """(K,) the prices of what comes after `context` in a new episode. Nothing moves."""
        [read] = self._look([context])
        fast = self._look_ahead()
        fast.run(**read, regret=False)
        return fast.price(self._member_forecasts())

    def byte_price(self, context: Any = b"") -> Floats:
        """(256,) the prices of the next byte after `context`, where the outcomes are bits or bytes. Nothing moves."""
        if self.outcomes == 256:
            return self.price(context)
        start = outcomes_of(context, self.outcomes)
        ends = [np.concatenate([start, outcomes_of(bytes([byte]), self.outcomes)]) for byte in range(256)]
        read = self._look(ends)
        fast = self._look_ahead()
        fast.run(**_cut(read[0], slice(len(start))), regret=False)
        rest = (_cut(rounds, slice(len(start), None)) for rounds in read)
        paths = (copy.copy(fast).run(**rounds, new_episode=False, regret=False) for rounds in rest)
        return np.array([np.exp2(-path.total_loss_bits) for path in paths])

    def _member_forecasts(self) -> Floats:
        return np.concatenate([member.forecast() for member in self._adapters], axis=1)

    # --- Generating

    def generate(  # noqa: PLR0917 # in the order in which one says them
        self,
        prompt: Any = b"",
        max_bytes: int = 200,
        temperature: float = 1.0,
        stop: Any = None,
        n: int = 1,
        seed: int | None = None,
        *,
        market: Market | None = None,
        new_episode: bool = True,
    ) -> list[Sample]:
        """Samples from the price, inference in context included. Nothing learns or moves.

        Args:
            prompt: bytes, text or outcomes that begin the episode.
            max_bytes: how much to draw at most; outcomes, where they are not bits.
            temperature: prices are raised to the power 1/temperature, round by round; 0 takes the likeliest.
            stop: bytes or text, or a list of these, after which a sample ends.
            n: how many samples.
            seed: None takes the inductor's own. Sample i of a seed is the same whatever n is.
            market: other cash of the same accounts, see `Market.with_wealth`; None takes the inductor's own.
            new_episode: False goes on in the market's present episode, untaxed.

        Raises:
            InputError: a negative temperature or number.
        """
        if not (np.isfinite(temperature) and temperature >= 0):
            raise InputError(f"temperature {temperature}; give a number >= 0")
        if max_bytes < 0 or n < 1:
            raise InputError(f"{n} samples of {max_bytes} bytes; give 1 or more, of 0 or more")
        stops = [] if stop is None else [stop] if isinstance(stop, str | bytes) else list(stop)
        key = np.random.SeedSequence(self.seed if seed is None else seed)
        seeds = [int(child.generate_state(1, np.uint64)[0]) for child in key.spawn(n)]
        drawn = self._members.sample(
            (self.market if market is None else market)._core,  # noqa: SLF001
            outcomes_of(prompt, self.outcomes, "a prompt"),
            max_bytes,
            self.symbol,
            temperature,
            [outcomes_of(one, self.outcomes, "a stop").tolist() for one in stops],
            new_episode,
            seeds,
        )
        return [Sample(outcomes, bits, wealth, self._data(outcomes)) for outcomes, bits, wealth in drawn]

    def _data(self, outcomes: npt.NDArray[np.uint32]) -> bytes:
        if self.outcomes == 2:
            return np.packbits(outcomes.astype(np.uint8)).tobytes()
        return outcomes.astype(np.uint8).tobytes() if self.outcomes == 256 else b""

    # --- Other inductors of the same families

    def virgin(self) -> Self:
        """Forks of the same families with their prior cash: what pretraining taught the families, not the market."""
        return self._with(self.market.virgin())

    def with_wealth(self, shares: Any) -> Self:
        """Forks of the same families with other cash, (N,) shares."""
        return self._with(self.market.with_wealth(shares))

    def without(self, *names: str) -> Self:
        """Forks of the other families; the accounts that are left share the money in proportion to what they had.

        Their market is a new one, whose clock stands at 0: a tax that falls with time begins anew, as do ledger,
        provenance and definitions.

        Raises:
            InputError: an unknown family, or none would be left.
        """
        self._check_known(names)
        kept = {name: family for name, family in self.families.items() if name not in names}
        if not kept:
            raise InputError("without any of its families an inductor is nothing; leave one or more")
        rest = np.array([group in kept for group in self.market.groups])
        prior = np.exp2(-self.market.bits) * rest
        other = object.__new__(type(self))
        other._adopt_families(_forks(kept), self.seed)
        other.clearing, other.grue = restricted(self.clearing, rest), self.grue
        other.market = Market(
            prior=prior[rest] / prior.sum(),
            outcomes=self.outcomes,
            clearing=other.clearing,
            grue=self.grue,
            groups=[group for group, keep in zip(self.market.groups, rest, strict=True) if keep],
            names=[name for name, keep in zip(self.names, rest, strict=True) if keep],
            definitions=self.follows_definitions,
        )
        wealth = np.exp2(self.market.log2_wealth[rest] - self.market.log2_wealth[rest].max())
        other.market = other.market.with_wealth(wealth / wealth.sum())
        return other

    def _check_known(self, names: Iterable[str]) -> None:
        if unknown := [name for name in names if name not in self.families]:
            raise InputError(f"unknown families {unknown}; there are {', '.join(self.families)}")

    def _with(self, market: Market, families: Mapping[str, Any] | None = None) -> Self:
        other = object.__new__(type(self))
        forks = _forks(self.families) if families is None else families
        other._adopt_families(forks, self.seed)
        other.clearing, other.grue, other.market = self.clearing, self.grue, market
        other.frozen, other._stiff = self.frozen, self._stiff
        return other

    def beside(self, market: Market) -> Self:
        """The very same families, not forks of them, with another market of the same accounts.

        Saves the memory of forks where only money shall move: the families are frozen, here and there, and their
        accounts are no longer split.
        """
        for family in self.families.values():
            family.freeze(True)  # noqa: FBT003
        other = self._with(market, self.families)
        self._shared = other._shared = True  # noqa: SLF001  # of the same class
        return other

    def fork(self) -> Self:
        """An independent copy: families, market and all."""
        other = self._with(copy.copy(self.market))
        other.reference = self.reference
        return other

    def redefine(self, *names: str, bits: float | None = None, stage: str | None = None) -> list[str]:
        """Sets beside each family a fork of it that learns, which says "as before until now, from now on as I learn".

        The fork takes the share `2^-bits` of the original's money: that is its Grue tax (see `Market.redefined`). The
        original is frozen, so that money can tell selection from modification.

        Args:
            names: families; none stands for all that are there.
            bits: None takes what the market's tax says of this moment, a landmark of `stage` first; without a tax, the
                length of Elias's delta code for the number of episodes so far.
            stage: the stage that begins; the forks are called `name@stage`.

        Returns:
            The forks' names.

        Raises:
            InputError: an unknown family, forks of that stage are there already, or `bits` is None and the tax has
                hazard 0 or 1.
        """
        self._check_known(names)
        chosen = names or tuple(self.families)
        label = stage or self.market.stage
        tax = redefinition_bits(self.grue, self.market.clock, stage) if bits is None else bits
        copies = _forks({name: self.families[name] for name in chosen})
        forks = {f"{name}@{label}": fork for name, fork in copies.items()}
        if taken := [name for name in forks if name in self.families]:
            raise InputError(f"{', '.join(taken)} is there already; name another stage")
        accounts = [(i, group) for i, group in enumerate(self.market.groups) if group in chosen]
        accounts.sort(key=lambda pair: chosen.index(pair[1]))
        new = [self.names[i].replace(group, f"{group}@{label}", 1) for i, group in accounts]
        market = self.market.redefined(
            [i for i, _ in accounts], tax, names=new, groups=[f"{group}@{label}" for _, group in accounts], stage=stage
        )
        for name in chosen:
            self.families[name].freeze(True)  # noqa: FBT003
        for family in forks.values():
            family.freeze(False)  # noqa: FBT003
        self._adopt_families(self.families | forks, self.seed)
        self.market = market
        self.clearing = None if self.clearing is None else market.clearing
        return list(forks)

    # --- As a family

    accounts = 1

    @property
    def bits(self) -> Floats:
        """(1,) zeros: the one account of this family is its price."""
        return np.zeros(1)

    def begin_episode(self) -> None:
        """Every member begins an episode; fast wealth starts at slow wealth."""
        for member in self._adapters:
            member.begin_episode()
        self._fast = self._look_ahead() if self.frozen else self.market
        self._fast.run(likelihoods=np.empty((0, len(self.market))), regret=False)

    def _tell_apart_next(self, outcomes: npt.NDArray[np.uint32] = NOBODY_KNOWS) -> None:
        """Splits accounts before the next forecast, or those while these outcomes are read."""
        self._episode()
        self._tell_apart([outcomes], fresh=False)

    def _episode(self) -> Market:
        if self._fast is None:
            self.begin_episode()
        return self.market if self._fast is None else self._fast

    def forecast(self) -> Floats:
        """(K, 1) the price of the next outcome."""
        self._tell_apart_next()
        return self._episode().price(self._member_forecasts())[:, None]

    def observe(self, outcome: int) -> None:
        """Settles the round; every member observes."""
        self._tell_apart_next()
        self._episode().settle(self._member_forecasts(), outcome, regret=False)
        for member in self._adapters:
            member.observe(np.array([outcome], dtype=np.uint32))

    def observe_all(self, outcomes: Any) -> Floats:
        """(T, 1) the prices of what happened, forecast and observed in turn."""
        happened = outcomes_of(outcomes, self.outcomes)
        self._tell_apart_next(happened)
        market = self._episode()
        if not (self.clearing is None or isinstance(self.clearing, Kelly)):
            return np.array([self._price_and_observe(x) for x in happened]).reshape(-1, 1)
        read = np.concatenate([member.observe_all(happened) for member in self._adapters], axis=1)
        run = market.run(likelihoods=read, new_episode=False, regret=False)
        return run.prices[:, None]

    def _price_and_observe(self, outcome: int) -> float:
        price = self.forecast()[outcome, 0]
        self.observe(outcome)
        return float(price)

    def freeze(self, frozen: bool = True) -> None:  # noqa: FBT001, FBT002  # freeze(False) thaws
        """A frozen inductor moves no slow wealth, and its members learn nothing; thawed, they are as they were."""
        if frozen == self.frozen:
            return
        if frozen:
            self._stiff = [name for name, member in self._named() if member.frozen]
        for name, member in self._named():
            member.freeze(frozen or name in self._stiff)
        self.frozen = frozen

    # --- Saving

    def config(self) -> dict[str, Any]:
        """What the inductor is made of, in plain values: families, the market's rules, priors and money, its clock."""
        return {
            "families": {name: saved.told(family) for name, family in self.families.items()},
            **saved.told_clearing(self.clearing),
            "grue": None if self.grue is None else self.grue.to_dict(),
            "bits": self.market.bits.tolist(),
            "wealth": self.market.wealth.tolist(),
            "episodes": self.market.episodes,
            "seed": self.seed,
        }

    @property
    def follows_definitions(self) -> bool:
        """Whether its market follows definitions."""
        return self.market.follows_definitions

    def become(self, other: Self) -> None:
        """Takes over everything that another inductor is."""
        self.__dict__.update(other.__dict__)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Saves market and families into a folder: written beside it, synced, then renamed.

        Raises:
            CheckpointError: a family's class could not be found again: it is not at the top of a module.
            InputError: the market clears by a function (`Demand`), or there is something else at `path`: a file, or a
                folder that is not a saved inductor's.
            OSError: the place cannot be written, or the disk is full. What was at `path` before is still there.
        """
        state = {
            "seed": self.seed,
            "frozen": self.frozen,
            "stiff": self._stiff,
            **saved.told_clearing(self.clearing),
            "grue": None if self.grue is None else self.grue.to_dict(),
            "reference": self.reference.tolist(),
        }
        saved.save(Path(path), self.market, self._adapters, state)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The inductor that was saved to `path`; it goes on with the same bits.

        Raises:
            CheckpointError: the folder is not an inductor's, or damaged.
        """
        market, families, state = saved.load(Path(path))
        other = object.__new__(cls)
        other._adopt_families(families, state["seed"])
        other.frozen, other._stiff, other.reference = state["frozen"], state["stiff"], np.array(state["reference"])
        other.market = market
        kelly = None if state["fraction"] is None else Kelly(state["fraction"])
        other.clearing = kelly if isinstance(market.clearing, Kelly) else market.clearing
        other.grue = None if state["grue"] is None else GrueTax.from_dict(state["grue"])
        return other


def _forks(families: Mapping[str, Any]) -> dict[str, Any]:
    """An independent copy of each family."""
    return {name: Adapter(family, name).fork().family for name, family in families.items()}


def _of_what_happened(rounds: dict[str, Any]) -> Floats:
    """(T, N) the accounts' probabilities of what happened."""
    if "likelihoods" in rounds:
        return np.asarray(rounds["likelihoods"])
    happened = rounds["outcomes"].astype(np.intp)
    return np.asarray(np.take_along_axis(rounds["forecasts"], happened[:, None, None], axis=1)[:, 0])


def _cut(rounds: dict[str, Any], some: slice) -> dict[str, Any]:
    """Some of the rounds."""
    return {name: values[some] for name, values in rounds.items()}
