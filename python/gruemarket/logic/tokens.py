"""A logical inductor that reads symbols: each round is a set of sentences of which exactly one is true."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gruemarket._core import Sentence
from gruemarket.checks import whole
from gruemarket.errors import InputError
from gruemarket.logic.features import constant, price, safe_reciprocal
from gruemarket.logic.numbers import exact, unit
from gruemarket.logic.sentences import Atom, one
from gruemarket.logic.traders import Daily, Seen, Strategy

WEALTH_BITS = 192  # of a Kelly trader's wealth, below its first digit; it is rounded down


@dataclass(frozen=True)
class Tokens:
    """The process of a family: day t is about symbol t; what it was is revealed on day t + 1.

    Args:
        outcomes: K, how many symbols there are, >= 2.
        name: of the sentences, as `name[t]=k`.

    Raises:
        InputError: fewer than 2 outcomes, or a name that is no text.

    >>> tokens = Tokens(2)
    >>> [str(sentence.on(3)) for sentence in tokens.sentences]
    ['token[3]=0', 'token[3]=1']
    """

    outcomes: int
    name: str = "token"

    def __post_init__(self) -> None:
        whole(self.outcomes, "outcomes", least=2)
        if not isinstance(self.name, str):
            raise InputError(f"sentences named {self.name!r}; give a text")

    @property
    def sentences(self) -> list[Daily]:
        """That the day's symbol is 0, 1, ...; for strategies."""
        return [Daily(f"{self.name}[{{day}}]={k}") for k in range(self.outcomes)]

    def atoms(self, day: int) -> list[Sentence]:
        """The same of one day."""
        return [Atom(f"{self.name}[{day}]={k}") for k in range(self.outcomes)]

    def revealed(self, day: int, last: int | None) -> list[Sentence]:
        """That exactly one of the day's is true, and which of the day before's was."""
        known = [] if last is None else [self.atoms(day - 1)[last]]
        return [*known, one(*self.atoms(day))]


@dataclass(frozen=True)
class Kelly:
    """A trader with log utility: it bets on each of some exclusive, exhaustive sentences what Kelly (1956) would.

    With wealth w, 1 at first, forecast q and prices p it buys `w (q_k / max(floor, p_k) - 1)` of sentence k. At prices
    above the floor its wealth becomes w q_x / p_x when x is true, so the price of a market of such traders is their
    Bayes mixture, weights their prior. What the floor costs: a sentence whose Bayes price would be below it is priced
    0, so prices are off by less than the floor; and if it is true, wealth is multiplied by q_x / floor, not q_x / p_x.

    Args:
        sentences: exclusive and exhaustive; `Tokens.sentences`, or others that are decided when the next day comes.
        forecast: probabilities that sum to 1; or a function of what it sees (`Seen`) that gives the day's.
        floor: the price below which it does not go on buying more, in (0, 1].

    Raises:
        InputError: the forecast is none, or the floor out of range.

    >>> import gruemarket as gm
    >>> tokens = gm.logic.Tokens(2)
    >>> forecasts = [0.2, 0.8], [0.6, 0.4]
    >>> traders = [(gm.logic.Kelly(tokens.sentences, forecast), 0.5) for forecast in forecasts]
    >>> inductor = gm.logic.LogicalInductor(tokens, traders, entry=1, polish=2**-40)
    >>> for outcome in (1, 1, 0):
    ...     inductor.observe(outcome)
    >>> inductor.forecast().ravel().round(6).tolist()  # Bayes: weights 0.128 and 0.096
    [0.371429, 0.628571]
    """

    sentences: Sequence[Any]
    forecast: Any
    floor: Any = Fraction(1, 1 << 20)

    def __post_init__(self) -> None:
        if isinstance(self.sentences, str) or not isinstance(self.sentences, Sequence):
            raise InputError(f"a Kelly trader of {self.sentences!r}; give a list of exclusive, exhaustive sentences")
        if not 0 < exact(self.floor, "the floor") <= 1:
            raise InputError(f"floor {self.floor}; it is above 0 and at most 1")
        if not callable(self.forecast):
            object.__setattr__(self, "forecast", self._checked(self.forecast))

    def _checked(self, forecast: Sequence[Any]) -> tuple[Fraction, ...]:
        if not isinstance(forecast, Iterable):
            raise InputError(f"a forecast of {forecast!r}; give a probability for each sentence")
        given = tuple(unit(q, "a forecast") for q in forecast)
        if len(given) != len(self.sentences) or abs(sum(given, Fraction(-1))) > Fraction(1, 10**6):
            raise InputError(
                f"a forecast of {forecast!r} for {len(self.sentences)} sentences; give probabilities that sum to 1"
            )
        return given

    def strategy(self, seen: Seen) -> Strategy:
        """What it buys today."""
        self._settle(seen)
        forecast = self._checked(self.forecast(seen)) if callable(self.forecast) else self.forecast
        wealth, floor = seen.memory.setdefault("wealth", Fraction(1)), exact(self.floor, "the floor")
        seen.memory["open"] = (seen.day, tuple(forecast))
        bought: dict[Any, Any] = {}
        for sentence, q in zip(self.sentences, forecast, strict=True):
            # q / max(floor, p) is q / floor times 1 / max(1, p / floor)
            bought[sentence] = constant(wealth * q / floor) * safe_reciprocal(price(sentence) / floor) - wealth
        return bought

    def _settle(self, seen: Seen) -> None:
        """Enters what the last bet brought."""
        day, forecast = seen.memory.get("open", (0, ()))
        if not day:
            return
        wealth, floor = seen.memory["wealth"], exact(self.floor, "the floor")
        gain = Fraction(0)
        for sentence, q in zip(self.sentences, forecast, strict=True):
            bet = sentence.on(day) if isinstance(sentence, Daily) else sentence
            truth, paid = seen.truth(bet), seen.price(bet, day)
            if truth is None:
                raise InputError(f"{bet} is open on day {seen.day}; a Kelly trader's bets are decided a day later")
            gain += (q / max(floor, paid) - 1) * (truth - paid)
        seen.memory["wealth"] = rounded_down(wealth * (1 + gain))


def rounded_down(value: Fraction) -> Fraction:
    """A number above 0 with `WEALTH_BITS` bits after its first, no greater than the one given; 0 for others."""
    if value <= 0:
        return Fraction(0)
    bits = WEALTH_BITS - value.numerator.bit_length() + value.denominator.bit_length()
    scaled = value * (1 << bits) if bits >= 0 else value / (1 << -bits)
    whole = Fraction(scaled.numerator // scaled.denominator)
    return whole / (1 << bits) if bits >= 0 else whole * (1 << -bits)
