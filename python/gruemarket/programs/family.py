"""Programs as traders: all programs of a machine up to a length, one account for each behaviour."""

import io
import json
import os
from collections.abc import Iterable
from functools import lru_cache
from inspect import signature
from pathlib import Path
from typing import Any, Literal, Self
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import polars as pl

from gruemarket import _core, files
from gruemarket.checks import whole
from gruemarket.errors import CheckpointError, InputError
from gruemarket.families import Outcomes, outcomes_of
from gruemarket.programs import checks
from gruemarket.programs.describe import described
from gruemarket.programs.enumeration import Enumeration, Order, enumerate_programs
from gruemarket.programs.machines import run
from gruemarket.programs.sampling import sample
from gruemarket.run import Floats

Noise = Literal["kt"]
FORMAT = "gruemarket programs 1"
LENGTHS = {"brainfuck": 10, "brainphoque": 7, "reader": 6, "turing": 3}  # where none is given
RECORD = ("masses", "hits", "misses", "coin", "partition")  # what a file keeps
COIN = "coin"  # its name
MOST_BITS = 1000  # of the coin
KEPT = 4  # enumerations that are kept for families like the last ones


class Programs:
    """All programs of a small machine as traders, with a prior from length, time and memory (Solomonoff 1964).

    Programs that print the same are one account, whose mass is the lower bound of theirs together: only that matters to
    a market. A behaviour is told apart by its first `max_output` symbols; programs of one account that come to differ
    later make it several, each with the money that was its own all along: `Inductor` splits accounts before it reads so
    far. What halts, is silent or still open has no account: its mass is the `reserve`, and sleeps. A program that falls
    silent later forecasts evenly from there on; so does one that leaves the outermost loop in which it has printed the
    last of its first symbols, since what may come after that loop was not told apart (readers are followed for ever).

    A program that errs once is bankrupt, where it forecasts without doubt. With noise "kt" it forecasts what it prints
    with probability (hits + 1/2) / (n + 1) after n forecasts, the rule of Krichevsky and Trofimov, and the rest evenly.
    Of two symbols a program and its complement then forecast alike, and are one account.

    Args:
        machine: "brainfuck", "brainphoque", "reader" (Brainfuck with `,`, the last outcome; every program is stepped in
            every episode) or "turing" (prints what it writes); see `gm.programs.enumerate`.
        max_length: the most tokens (states, of Turing machines); None takes 10, 7, 6 or 3.
        steps: of a run; beyond its first symbols, and for readers, of each symbol: who takes longer is silent.
        alphabet: K, the symbols that are forecast and that are on the tape.
        memory: cells of the circular tape.
        max_output: the symbols that a behaviour is told apart by.
        noise: "kt", or None for forecasts without doubt.
        coin_bits: description length of a coin that learns its bias by Krichevsky and Trofimov's rule, the first
            account; None for no coin. Its mass is taken from the reserve; where `order` leaves none, from all alike.
        a: exponent of time (steps a symbol) in the prior.
        b: exponent of memory (cells) in the prior.
        order: "mass", or "rank": `1 / (r (r + 1))` for the r-th behaviour by its shortest program.
        horizon: readers are told apart by their answers to all histories shorter than this.
        tail: how many BrainPhoque programs are drawn; those longer than `max_length` tokens join the enumerated ones,
            each with `1 / tail` of the mass: the tail's mass without bias.
        seed: of the draws.
        forget: whether records begin anew with every episode, so that from one to the next only money remembers.

    Attributes:
        outcomes: K, the alphabet.
        arguments: what it was made with, defaults included.
        found: the `Enumeration` behind it.

    Raises:
        InputError: an argument out of range, or no program prints enough.

    >>> import gruemarket as gm
    >>> programs = gm.Programs(max_length=6)
    >>> programs.accounts, programs.names, programs.bits.round(2).tolist()
    (4, ['coin', '+[.]', '.+[.]', '..+[.]'], [3.0, 12.23, 15.56, 19.65])
    >>> inductor = gm.Inductor({"programs": programs})
    >>> inductor.read([[1] * 100]).loss_bits[[0, 50]].round(3).tolist()
    [1.0, 0.014]
    """

    def __init__(
        self,
        machine: str = "brainfuck",
        max_length: int | None = None,
        steps: int = 1000,
        alphabet: int = 2,
        *,
        memory: int = 64,
        max_output: int = 32,
        noise: Noise | None = "kt",
        coin_bits: float | None = 3.0,
        a: float = 0.0,
        b: float = 0.0,
        order: Order = "mass",
        horizon: int = 5,
        tail: int = 0,
        seed: int = 0,
        forget: bool = False,
    ) -> None:
        if noise not in ("kt", None):
            raise InputError(f'noise {noise!r}; give "kt", or None')
        coin = None if coin_bits is None else checks.real(coin_bits, "coin_bits")
        if coin is not None and not 0 < coin <= MOST_BITS:
            raise InputError(f"coin_bits {coin_bits!r}; give a number > 0, {MOST_BITS} at most, or None for no coin")
        if tail and machine != "brainphoque":
            raise InputError(f'a tail of {tail} programs of machine {machine!r}; only "brainphoque" is drawn from')
        length = LENGTHS.get(str(machine), 0) if max_length is None else max_length
        sizes = {"alphabet": alphabet, "memory": memory, "steps": steps, "max_output": max_output}
        given = checks.settings(machine, max_length=length, a=a, b=b, order=order, horizon=horizon, **sizes)
        drawn = {"tail": whole(tail, "tail", 0, checks.LARGEST), "seed": whole(seed, "seed", 0, 2**64 - 1)}
        self.arguments = {**given, "noise": noise, "coin_bits": coin, **drawn, "forget": bool(forget)}
        self.found, core = _virgin(**self.arguments)
        self._core = core.fork()
        self.outcomes: int = given["alphabet"]

    @property
    def accounts(self) -> int:
        """The number of accounts: the coin, behaviours, and what they were split into."""
        return self._core.accounts

    @property
    def bits(self) -> Floats:
        """(N,) -log2 of each account's mass."""
        return self._core.bits()

    @property
    def names(self) -> list[str]:
        """(N,) the shortest program of each account; the coin is the coin."""
        return [COIN if best is None else best[1] for best in self._core.examples()]

    @property
    def reserve(self) -> float:
        """The mass without an account, which sleeps."""
        return 1 - float(np.exp2(-self.bits).sum())

    @property
    def undecided(self) -> int:
        """How many programs, or kinds of programs, still have to be stepped; what the others print is known."""
        return self._core.undecided

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """The account of each behaviour of `found`, by its index; -1 for none."""
        return self._core.rows()

    @property
    def origins(self) -> npt.NDArray[np.uint32]:
        """(N,) the account that each account was part of at first."""
        return self._core.origins()

    def unrolled(self, program: str, symbols: int) -> tuple[bytes, bytes | None]:
        r"""What a program prints that hears nothing.

        Args:
            program: as in `describe`.
            symbols: how many to wait for.

        Returns:
            The first symbols, and what comes again and again after them: empty if nothing more comes, None if that is
            not known.

        Raises:
            InputError: not a program of this machine, or one that hears what happens.

        >>> Programs(max_length=6).unrolled(".+[.]", 8)
        (b'\x00', b'\x01')
        """
        return self._core.unroll(checks.text(program), whole(symbols, "symbols", 0, checks.LARGEST))

    def table(self) -> pl.DataFrame:
        """The accounts, in their order: at first the coin, then behaviours, the heaviest first.

        Returns:
            `account`, `name`, `behaviour` (the first symbols; of the heavier one, where the complement is in it),
            `mass_bits_lower` and `mass_bits_upper` (-log2 of the mass's upper and lower bound; the account holds the
            lower bound), `members` (programs), `shortest`, `fastest`, `leanest` (programs), `length` (tokens of the
            shortest), `steps` (of the fastest), `memory` (cells of the leanest). Of the parts of an account that was
            split, and of programs that were drawn, the fastest and the leanest are found among the shortest ones of
            each kind, where a kind prints the same for ever. An account of drawn programs alone has no upper bound.
        """
        schema = {"members": pl.UInt64, "shortest": pl.String, "fastest": pl.String, "steps": pl.UInt32}
        schema |= {"leanest": pl.String, "memory": pl.UInt32}
        examples = [one or (None,) * len(schema) for one in self._core.examples()]
        own = pl.DataFrame(examples, schema, orient="row").with_row_index("account")
        origins = self.origins
        alone = np.bincount(origins, minlength=self.accounts)[origins] == 1  # parts of one account have one origin
        own = own.with_columns(origin=pl.Series(origins), whole=alone, mass_bits_upper=self.bits)
        frame = own.join(self._behaviours(), left_on="origin", right_on="account", how="left", suffix="_all")

        def best(name: str) -> pl.Expr:
            return pl.coalesce(pl.when("whole").then(pl.col(f"{name}_all")), name).alias(name)

        # what an account's bounds leave open may be any part's
        most = pl.lit(2.0).pow(-pl.col("mass_bits_upper")) + pl.col("open")
        return frame.sort("account").select(
            "account",
            pl.col("shortest").fill_null(COIN).alias("name"),
            "behaviour",
            (-most.log(2)).alias("mass_bits_lower"),
            "mass_bits_upper",
            best("members"),
            "shortest",
            best("fastest"),
            best("leanest"),
            pl.col("shortest").str.len_bytes().alias("length"),
            best("steps"),
            best("memory"),
        )

    def _behaviours(self) -> pl.DataFrame:
        """The enumeration's rows by account: a behaviour and its complement may be one."""
        rows = pl.DataFrame({"index": range(self.found.distinct), "account": self.rows})
        frame = self.found.table().join(rows, on=pl.col("index").cast(pl.Int64)).filter(pl.col("account") >= 0)
        best = {"fastest": "steps", "leanest": "memory"}
        least, most = (pl.lit(2.0).pow(-pl.col(f"mass_bits_{bound}")) for bound in ("upper", "lower"))
        return frame.group_by("account").agg(
            pl.col("behaviour").sort_by("mass_bits_upper", "index").first(),
            (most - least).sum().alias("open"),
            pl.col("members").sum(),
            *(pl.col(name, best[name]).sort_by(best[name], "index").first() for name in best),
        )

    def describe(self, program: str) -> str:
        """What a program prints, how fast, in how many cells, and which account it is in.

        Args:
            program: its tokens; also one that is longer than those of this family. Of Turing machines their tables, as
                in `names`.

        Raises:
            InputError: not a program of this machine.

        >>> Programs(max_length=6).describe("+[.]")
        "'+[.]' prints 1 again and again: 65 steps for 32 symbols, 1 cell.
        Account 1, '+[.]': 75 programs that print this or its complement, 12.2 bits together"
        """
        return described(self, checks.text(program))

    # --- A family

    def begin_episode(self) -> None:
        """Every program begins anew; what it has hit is kept, unless it is to be forgotten."""
        self._core.begin_episode()

    def forecast(self) -> Floats:
        """(K, N) probabilities of the next symbol."""
        return self._core.forecast()

    def observe(self, outcome: int) -> None:
        """Sees the symbol, and learns from it unless frozen.

        Raises:
            InputError: it is not one of 0 to K - 1.
        """
        [symbol] = outcomes_of([outcome], self.outcomes).tolist()
        self._core.observe(symbol)

    def observe_all(self, outcomes: Any) -> Floats:
        """(T, N) the probability of each symbol that happened, before it was seen."""
        symbols: Outcomes = outcomes_of(outcomes, self.outcomes)
        return self._core.read(symbols)

    def split_accounts(self, episodes: Iterable[Any], *, fresh: bool = True) -> list[tuple[int, float]]:
        """Makes accounts of all programs that would come to differ within an account while these episodes are read.

        Until then an account forecasts as the mixture of its programs, weighed by prior mass and by what they foresaw
        in the episode; afterwards each part has its own record, which begins with what the account had seen.

        Args:
            episodes: (T,) outcomes each.
            fresh: whether they begin anew, or go on (one of them) in the present episode.

        Returns:
            For each account from now on, the account it was part of and its share of that; empty if nothing changed.
        """
        return self._core.split([outcomes_of(episode, self.outcomes) for episode in episodes], fresh)

    @property
    def frozen(self) -> bool:
        """Whether nothing is learned."""
        return self._core.frozen

    def freeze(self, frozen: bool = True) -> None:  # noqa: FBT001, FBT002  # freeze(False) thaws
        """While frozen, programs go on and their hits are not counted."""
        self._core.freeze(frozen)

    def fork(self) -> Self:
        """An independent copy; what programs print is worked out once for all copies."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._core = self._core.fork()
        return other

    def config(self) -> dict[str, Any]:
        """What tells it from others: its arguments, its accounts, and how much it has seen."""
        record = self._core.record()
        return {"programs": repr(self), "accounts": self.accounts, "seen": float(record["coin"].sum())}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes its arguments and what it has seen to a file: under another name, then renamed.

        Raises:
            OSError: the folder cannot be written, or the disk is full. What was at `path` before is still there.
        """
        buffer = io.BytesIO()
        told: dict[str, Any] = {"arguments": json.dumps(self.arguments), "frozen": self.frozen}
        np.savez_compressed(buffer, format=FORMAT, **(told | self._core.record()))
        files.write(Path(path), buffer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The family that was saved to `path`; it goes on with the same bits from the next episode on.

        Its programs are enumerated again.

        Raises:
            CheckpointError: the file is damaged, of a newer gruemarket or of something else.
            FileNotFoundError: there is none.
        """
        data = Path(path).read_bytes()
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as saved:
                if str(saved["format"]) != FORMAT:
                    raise CheckpointError(f"{path} has format {saved['format']}; this gruemarket knows {FORMAT!r}")
                family = cls(**json.loads(str(saved["arguments"])))
                family._core.restore(*(saved[name].tolist() for name in RECORD))
                family._core.freeze(bool(saved["frozen"]))
        except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, BadZipFile) as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(f"{path}: not saved programs ({error})") from error
        return family

    def __repr__(self) -> str:
        known = signature(type(self)).parameters
        told = {name: value for name, value in self.arguments.items() if value != known[name].default}
        shown = ", ".join(f"{name}={value!r}" for name, value in told.items())
        return f"<Programs({shown}){', frozen' if self.frozen else ''}>"


@lru_cache(maxsize=KEPT)
def _virgin(
    *, noise: Noise | None, coin_bits: float | None, tail: int, seed: int, forget: bool, **settings: Any
) -> tuple[Enumeration, _core.Programs]:
    """The enumeration, and a family that has seen nothing, for forks of it."""
    found = enumerate_programs(**settings)
    masses = found._lower  # noqa: SLF001  # of this package
    drawn = _drawn(settings, tail, seed) if tail else []
    coin = 0.0 if coin_bits is None else 2.0**-coin_bits
    total = float(masses.sum()) + sum(mass for *_, mass in drawn)
    if settings["order"] == "rank":
        masses = masses * (1 - coin)  # the enumeration keeps its own
    elif total + coin > 1:
        raise InputError(f"programs have the mass {total}, a coin of {coin_bits} bits would make it more than 1")
    return found, _core.Programs(found._core, settings["machine"], masses, drawn, (noise == "kt", forget, coin))  # noqa: SLF001


def _drawn(settings: dict[str, Any], count: int, seed: int) -> list[tuple[str, int, int, bytes, float]]:
    """Drawn programs that are longer than those enumerated and print enough: program, steps, cells, output, mass."""
    limits = {name: settings[name] for name in ("alphabet", "memory", "steps", "max_output")}
    long_enough = pl.col("behaviour").str.len_bytes() >= limits["max_output"]  # a character a symbol, or more
    frame = sample(count, seed=seed, beyond=settings["max_length"], **limits).filter(long_enough)
    outputs = (bytes(run(program, machine="brainphoque", **limits).output) for program in frame["program"])
    full = frame.with_columns(output=pl.Series(outputs, dtype=pl.Binary))
    # as in the enumeration, with the very last step too: the status would be that of a run that was cut
    full = full.filter(pl.col("output").bin.size() == limits["max_output"])
    bits = settings["a"] * np.log2(np.maximum(full["steps"] / limits["max_output"], 1)) + settings["b"] * np.log2(
        full["cells"]
    )
    full = full.with_columns(mass=full["weight"] * np.exp2(-bits))
    return list(full.select("program", "steps", "cells", "output", "mass").iter_rows())
