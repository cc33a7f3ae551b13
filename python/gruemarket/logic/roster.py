"""Who trades from which day on, and with which weight."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from gruemarket.checks import shown
from gruemarket.errors import InputError
from gruemarket.logic.numbers import exact

Strategy: TypeAlias = Mapping[Any, Any] | Callable[..., Any]


class Roster:
    """Traders in the order in which they enter; those to come are asked for no sooner.

    Args:
        traders: trader 1, trader 2, ...; pairs (trader, weight) bring their weights.
        weights: by k, or a function of it; None for what the traders bring, else 2^-k.
        entry: the first day by k, a function of it, or one day for all; None for day k.

    Raises:
        InputError: these are no traders, or weights or days are missing or out of range.
    """

    def __init__(self, traders: Iterable[Any], weights: Any, entry: Any) -> None:
        self._numbers: list[int] = []  # k of each that has entered
        self._sum = Fraction(0)  # of their weights
        self._weights, self._entry = weights, entry
        if isinstance(traders, Mapping | str) or not isinstance(traders, Iterable):
            raise InputError(f"traders {traders!r}; give a list of traders, or another iterable of them")
        for what, given in (("weights", weights), ("entry", entry)):
            if isinstance(traders, Sequence) and isinstance(given, Sequence) and len(given) != len(traders):
                raise InputError(f"{len(given)} {what} for {len(traders)} traders; give one for each")
        self._waiting = self._in_order(traders)
        self._first: tuple[int, Any] | None = None  # who is next, once that was asked

    def _in_order(self, traders: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        each = enumerate(traders, start=1)
        return iter(sorted(each, key=lambda one: self._day(one[0]))) if isinstance(traders, Sequence) else each

    def enter(self, today: int) -> Iterator[tuple[Fraction, Strategy]]:
        """Lets in who enters today; the weights and strategies of these. Who may not enter waits, and is told again."""
        while (first := self._next()) is not None and self._day(first[0]) <= today:
            yield self._admit(*first)

    def catch_up(self, many: int) -> None:
        """Lets in the first so many."""
        while len(self._numbers) < many and (first := self._next()) is not None:
            self._admit(*first)

    def number(self, at: int) -> int:
        """Which trader it is, from 1 on, that entered as number `at`, from 0 on."""
        return self._numbers[at]

    def name(self, at: int) -> str:
        """What to call it."""
        return f"trader {self._numbers[at]}"

    def _next(self) -> tuple[int, Any] | None:
        if self._first is None:
            self._first = next(self._waiting, None)
        return self._first

    def _admit(self, k: int, given: Any) -> tuple[Fraction, Strategy]:
        if isinstance(given, tuple) and len(given) != 2:
            raise InputError(f"trader {k} is a tuple of {len(given)}; a pair is a trader and its weight")
        trader, own = given if isinstance(given, tuple) else (given, None)
        strategy, weight = _strategy(k, trader), self._weight(k, own)
        self._sum += weight
        self._numbers.append(k)
        self._first = None
        return weight, strategy

    def _day(self, k: int) -> int:
        day = k if self._entry is None else _of(self._entry, k, "entry")
        if not isinstance(day, int) or isinstance(day, bool) or day < 1:
            raise InputError(f"trader {k} enters on day {day!r}; give a whole number >= 1")
        return day

    def _weight(self, k: int, own: Any) -> Fraction:
        if own is None:
            own = Fraction(1, 1 << k) if self._weights is None else _of(self._weights, k, "weights")
        weight = exact(own, f"the weight of trader {k}")
        if weight <= 0 or self._sum + weight > 1:
            raise InputError(
                f"trader {k} has the weight {shown(weight)}, those before it {shown(self._sum)} together; weights are "
                "above 0, their sum at most 1"
            )
        return weight


def _strategy(k: int, trader: Any) -> Strategy:
    strategy: Any = trader if isinstance(trader, Mapping) else getattr(trader, "strategy", trader)
    if isinstance(trader, type) or not (isinstance(strategy, Mapping) or callable(strategy)):
        raise InputError(
            f"trader {k} is a {type(trader).__name__}; give a mapping from sentences to features, a function that "
            "gives one, or an object with a strategy"
        )
    made: Strategy = strategy
    return made


def _of(given: Any, k: int, what: str) -> Any:
    if callable(given):
        return given(k)
    if not isinstance(given, Sequence):
        return given
    if k > len(given):
        raise InputError(f"{len(given)} {what} and a trader {k}; give one for each")
    return given[k - 1]
