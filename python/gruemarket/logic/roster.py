"""Who trades from which day on, and with which weight."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from gruemarket.errors import InputError
from gruemarket.logic.numbers import exact


class Roster:
    """Traders in the order in which they enter; those to come are asked for no sooner.

    Args:
        traders: trader 1, trader 2, ...; pairs (trader, weight) bring their weights.
        weights: by k, or a function of it; None for what the traders bring, else 2^-k.
        entry: the first day by k, a function of it, or one day for all; None for day k.

    Raises:
        InputError: weights or days are missing, or out of range.
    """

    def __init__(self, traders: Iterable[Any], weights: Any, entry: Any) -> None:
        self.entered: list[Any] = []
        self._numbers: list[int] = []  # k of each that has entered
        self._sum = Fraction(0)  # of their weights
        self._weights, self._entry = weights, entry
        for what, given in (("weights", weights), ("entry", entry)):
            if isinstance(traders, Sequence) and isinstance(given, Sequence) and len(given) != len(traders):
                raise InputError(f"{len(given)} {what} for {len(traders)} traders; give one for each")
        self._waiting: Iterator[tuple[int, int, Any]] = self._in_order(traders)
        self._first = next(self._waiting, None)

    def _in_order(self, traders: Iterable[Any]) -> Iterator[tuple[int, int, Any]]:
        each = ((self._day(k), k, trader) for k, trader in enumerate(traders, start=1))
        return iter(sorted(each, key=lambda one: one[:2])) if isinstance(traders, Sequence) else each

    def enter(self, today: int) -> Iterator[Fraction]:
        """Lets in who enters today; the weights of these."""
        while self._first is not None and self._first[0] <= today:
            _, k, given = self._first
            trader, weight = given if isinstance(given, tuple) else (given, None)
            weight = self._weight(k, weight)
            self.entered.append(trader)
            self._numbers.append(k)
            self._first = next(self._waiting, None)
            yield weight

    def catch_up(self, many: int) -> None:
        """Lets in the first so many."""
        while len(self.entered) < many and self._first is not None:
            for _ in self.enter(self._first[0]):
                if len(self.entered) == many:
                    return

    def number(self, at: int) -> int:
        """Which trader it is, from 1 on, that entered as number `at`, from 0 on."""
        return self._numbers[at]

    def name(self, at: int) -> str:
        """What to call it."""
        return f"trader {self._numbers[at]}"

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
                f"trader {k} has the weight {weight}, those before it {self._sum} together; weights are above 0, their "
                "sum at most 1"
            )
        self._sum += weight
        return weight


def _of(given: Any, k: int, what: str) -> Any:
    if callable(given):
        return given(k)
    if not isinstance(given, Sequence):
        return given
    if k > len(given):
        raise InputError(f"{len(given)} {what} and a trader {k}; give one for each")
    return given[k - 1]
