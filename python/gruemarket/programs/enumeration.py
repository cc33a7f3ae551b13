"""All programs up to a size, grouped by what they print, each behaviour with bounds of its prior mass."""

from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl

from gruemarket._core import Enumeration as Core
from gruemarket.checks import whole
from gruemarket.programs import checks
from gruemarket.programs.machines import text

Order = Literal["mass", "rank"]


class Enumeration:
    """What `gm.programs.enumerate` found: behaviours, their mass, their members, and the reserve.

    A behaviour is *full* if it is as long as was asked for: an account of a market. Mass that halts early, prints
    nothing more, or is still open when the steps or tokens are used up is in the reserve and sleeps.
    """

    def __init__(self, core: Core, *, order: Order) -> None:
        self._core = core
        self._columns: dict[str, Any] = core.behaviours()
        self._order = order

    @property
    def outputs(self) -> list[bytes]:
        """The symbols of every behaviour, in the order in which they were found."""
        found: list[bytes] = self._columns["output"]
        return found

    @property
    def programs(self) -> int:
        """How many programs there are, those that were counted without a run included."""
        return self._core.programs

    @property
    def runs(self) -> int:
        """How many runs it took."""
        return self._core.runs

    @property
    def distinct(self) -> int:
        """How many distinct outputs there are, full or not, the empty one included."""
        return len(self.outputs)

    @property
    def full(self) -> int:
        """How many behaviours are full."""
        return int(np.count_nonzero(self._columns["full_upper"]))

    @property
    def kraft(self) -> float:
        """The mass of all programs by their length alone, at most 1."""
        return self._core.mass

    @property
    def reserve(self) -> float:
        """1 less the lower bounds of the full behaviours."""
        return 1 - float(np.sum(self._lower))

    @cached_property
    def _lower(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The lower bound of each full behaviour's mass; 0 for the others."""
        lower: np.ndarray[Any, np.dtype[np.float64]] = self._columns["full_lower"]
        if self._order == "mass":
            return lower
        ranks = np.zeros(len(lower))
        found = [i for i, upper in enumerate(self._columns["full_upper"]) if upper > 0]
        found.sort(key=lambda i: (self._columns["shortest_tokens"][i], self._columns["shortest"][i]))
        ranks[found] = 1 / (np.arange(1, len(found) + 1) * np.arange(2.0, len(found) + 2))
        return ranks

    def table(self) -> pl.DataFrame:
        """The behaviours, the heaviest first.

        Returns:
            `index` (as in `outputs`), `behaviour`, `mass_bits_lower` (-log2 of the mass's upper bound) and
            `mass_bits_upper` (of its lower bound; both null where the mass is in the reserve), `members` (programs,
            those that were only counted included), `shortest`, `fastest` and `leanest` (programs; where the status is
            not "full", among those that were run), `length` (tokens of the shortest), `steps` (of the fastest, to its
            last symbol; where it halts, to its end), `memory` (cells of the leanest), `status` ("full", "halted":
            prints nothing more, or "open": more steps or tokens may go on),
            `mass_halted` and `mass_open` (upper bounds of what its programs leave in the reserve).
        """
        columns = self._columns
        lower, upper = self._lower, columns["upper"] if self._order == "mass" else self._lower
        with np.errstate(divide="ignore"):
            least, most = -np.log2(upper), -np.log2(lower)
        full = columns["full_upper"] > 0
        ended = columns["ended_upper"] > 0
        frame = pl.DataFrame(
            {
                "behaviour": [text(output) for output in self.outputs],
                "mass_bits_lower": least,
                "mass_bits_upper": most,
                "members": columns["members"],
                "shortest": columns["shortest"],
                "fastest": columns["fastest"],
                "leanest": columns["leanest"],
                "length": columns["shortest_tokens"],
                "steps": columns["fastest_steps"],
                "memory": columns["leanest_cells"],
                "status": np.where(full, "full", np.where(ended, "halted", "open")),
                "mass_halted": columns["ended_upper"],
                "mass_open": columns["open_upper"],
            }
        ).with_row_index()
        bits = pl.col("mass_bits_lower", "mass_bits_upper")
        return frame.with_columns(pl.when(status="full").then(bits)).sort(
            "mass_bits_upper", "length", "index", nulls_last=True
        )

    def members(self, behaviour: int | None = None) -> pl.DataFrame:
        """The members of a full behaviour by its `index`, or of all: those that print the same for ever stand together.

        Returns:
            `index` (of the behaviour), `program` (an example), `lower` and `upper` (bounds of the mass), `programs`
            (how many print that), `first` and `cycle` (symbols once, then symbols again and again; an empty cycle where
            nothing is known, or comes, after the first ones; null if undecided: only stepping tells), `steps` and
            `memory` of the example.

        Raises:
            InputError: there is no such behaviour.
        """
        asked = None if behaviour is None else min(whole(behaviour, "behaviour", 0), self.distinct)
        columns = self._core.members(asked)
        renamed = {"index": columns.pop("behaviour"), "memory": columns.pop("cells")}
        schema = {"first": pl.Binary, "cycle": pl.Binary, "program": pl.String}
        frame = pl.DataFrame(columns | renamed, schema_overrides=schema)
        order = ["index", "program", "lower", "upper", "programs", "first", "cycle", "steps", "memory"]
        return frame.select(order)


def enumerate_programs(
    machine: str = "brainfuck",
    *,
    max_length: int = 14,
    alphabet: int = 2,
    memory: int = 64,
    steps: int = 1000,
    max_output: int = 32,
    a: float = 0.0,
    b: float = 0.0,
    order: Order = "mass",
    horizon: int = 5,
    prune: bool = True,
) -> Enumeration:
    """Runs all programs up to a length and groups them by what they print.

    The prior of a program is `bits = length + a log2(time) + b log2(memory)` (Solomonoff 1964, with a cost of time and
    memory): length in bits of a code with an END token, `(tokens + 1) log2(k + 1)` for k tokens, or of the machine's
    own lazy code; time in steps per printed symbol; memory in cells visited.

    Args:
        machine: "brainfuck" (programs that do the same are counted together, and run once), "brainphoque" (the lazy
            tree, `7^-n` for n evaluated tokens), "reader" (Brainfuck with `,`; a behaviour is the list of its answers
            to all histories shorter than `horizon`) or "turing" (tree normal form, two symbols; prints what it writes).
        max_length: the most tokens; for "brainphoque" the depth of the tree, for "turing" the number of states.
        alphabet: symbols, 2 to 256; with two, Brainfuck has no `-`.
        memory: cells of the circular tape; Turing machines have an endless one.
        steps: of a run; for readers, for one answer.
        max_output: a behaviour of so many symbols is full, be the last one printed in the very last step.
        a: exponent of time, >= 0.
        b: exponent of memory, >= 0. With a or b above 0, programs that were only counted widen the bounds.
        order: "mass", or "rank": full behaviours by their shortest program, in lexicographic order, with prior
            `1 / (r (r + 1))` for rank r = 1, 2, ...
        horizon: of readers.
        prune: False runs every Brainfuck program: slow, for comparison.

    Raises:
        InputError: a setting out of range.

    >>> found = enumerate_programs(max_length=6)
    >>> found.programs, found.distinct, found.full
    (10577, 37, 4)
    >>> found.table()["shortest"][0]
    '+[.]'
    """
    sizes = {"alphabet": alphabet, "memory": memory, "steps": steps, "max_output": max_output}
    given = checks.settings(machine, max_length=max_length, a=a, b=b, order=order, horizon=horizon, **sizes)
    limits = (given["alphabet"], given["memory"], given["steps"], given["max_output"])
    prior = (given["a"], given["b"])
    core = Core(machine, given["max_length"], limits, prior, bool(prune), given["horizon"])
    return Enumeration(core, order=order)
