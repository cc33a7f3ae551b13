"""The book of forecasts: questions are priced when they close, stakes stay locked until they resolve."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gruemarket import _core
from gruemarket.arrays import integers, vector
from gruemarket.clearing import RuleSpec
from gruemarket.errors import InputError
from gruemarket.grue import TaxSpec

__all__ = ["ForecastBook", "ForecastRun"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ForecastRun:
    """What one call of `ForecastBook.play` gave, for its Q questions in the order of their pricing."""

    prices: Floats
    """(sum of K,) the price of each outcome, question after question; uniform where nobody had money to stake."""
    staked: Floats
    """(Q,) what was locked, as a share of all money."""
    locks: Floats
    """(Q,) the share of its wealth that each question asked of its forecasters."""
    passes: npt.NDArray[np.uint32]
    """(Q,) how often the clearing went over the forecasters; 0 for rules in closed form."""
    residual: Floats
    """(Q,) the certificate of each clearing: its largest excess demand, as a share of the stakes."""
    watched: Floats
    """(Q, len(watch)) log2 of the wealth of the watched forecasters, as each question was priced; -inf for nothing."""


class ForecastBook:
    """Books of N forecasters, in the engine. `gruemarket.reference.ForecastBook` has every formula, in plain numpy.

    A question is priced when it closes: everybody who forecasts it locks `u = min(lock * W, free)`, where W is free
    money and all stakes that are locked. When it is resolved as x each gets `u G(x)` back, by the clearing rule.
    Nothing looks ahead, and no event makes or loses money. A forecaster takes 80 bytes, an entry of an open question of
    K outcomes 12 + 8 K.

    Args:
        bits: (N,) description lengths; the prior share of a forecaster is `2^-bits`.
        clearing: `Kelly` (the default), `Isoelastic`, `LogPool` or `LMSR`; per-trader arrays and the maker's index are
            by forecaster. Kelly's fraction multiplies `lock`. `Demand` is refused: it wants everybody's forecasts.
        lock: the share of its wealth that a forecaster locks in each question, in (0, 1]. What would stay free, if it
            is less than 2^-32 of the wealth, is locked too. None follows how busy forecasters are: 1 / m, where nine in
            ten forecasts so far, the question's own among them, found at most m questions of their forecaster open (its
            own too); a tenth in the first ten questions, before anything is known.
        grue: a `GrueTax` of the kernel "anything" and unit "round"; its schedule's index is the number of the question,
            by pricing. Only free money is taxed.
        normalize: whether to divide the prior by its sum.
        entering: whether a forecaster enters only with the first question that lists it. Until then it holds its prior
            share, pays no tax and gets none; a tax of rate h takes h from those who have entered and spreads it by
            their prior, so that nothing depends on who will come. Else all are there from the start.

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
        tax = None if grue is None else TaxSpec.of(grue)
        self._core = _core.ForecastBook(vector(bits, "bits"), RuleSpec.of(clearing), lock, tax, normalize, entering)

    def __len__(self) -> int:
        return len(self._core)

    def __repr__(self) -> str:
        return f"ForecastBook({len(self)} forecasters, {self.questions} questions priced, {len(self.open)} open)"

    @property
    def questions(self) -> int:
        """How many questions have been priced."""
        return self._core.questions()

    @property
    def open(self) -> Ints:
        """The numbers of the questions that have not been resolved, rising."""
        return self._core.open()

    @property
    def log2_wealth(self) -> Floats:
        """(N,) log2 of the share of all money, locked stakes included; -inf for nothing."""
        return self._core.log2_wealth()

    @property
    def wealth(self) -> Floats:
        """(N,) shares of all money, locked stakes included."""
        return self._core.wealth()

    @property
    def locked(self) -> Floats:
        """(N,) the part of it that is locked in open questions."""
        return self._core.locked()

    @property
    def answered(self) -> Ints:
        """(N,) of how many resolved questions each forecaster was listed."""
        return self._core.answered()

    @property
    def regret_bits(self) -> Floats:
        """(N,) sum over resolved questions of `beta log2(q(x) / c(x))`, beta = stake / wealth just before.

        By Jensen's inequality a Kelly book's is at most log2 of a forecaster's growth, so never more than its bits,
        and with a tax never more than its bits + `tax_bits`.
        """
        return self._core.regret_bits()

    @property
    def tax_bits(self) -> float:
        """Sum of -log2(1 - h_t R) over the taxes so far: what they took from who never received any, in bits.

        Where forecasters are `entering`, R is 1; who came late has paid less.
        """
        return self._core.tax_bits()

    def play(
        self,
        starts: Any,
        forecasters: Any,
        outcomes: Any,
        values: Any,
        *,
        resolved: Any = (),
        happened: Any = (),
        after: Any = (),
        watch: Any = (),
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
            InputError: anything out of range.
            ImpossibleOutcomeError: an outcome happened whose price was 0.
            NotClearedError: no price was found.

        After an error, or Ctrl-C, the book is as it was before the call. Arrays of int64 (`starts` and what is
        resolved), uint32 (`forecasters` and `outcomes`) and float64 are read without a copy.
        """
        questions = integers(starts, "starts"), counts(forecasters, "forecasters"), counts(outcomes, "outcomes")
        values = vector(values, "values")
        events = integers(resolved, "resolved"), integers(happened, "happened"), integers(after, "after")
        watched = integers(watch, "watch")
        run = self._core.play((*questions, values), events, watched)
        return ForecastRun(
            prices=run.prices,
            staked=run.staked,
            locks=run.locks,
            passes=run.passes,
            residual=run.residual,
            watched=run.watched.reshape(len(run.staked), len(watched)),
        )


def counts(given: Any, what: str) -> npt.NDArray[np.uint32]:
    """A uint32 array with one axis."""
    if isinstance(given, np.ndarray) and given.dtype == np.uint32 and given.ndim == 1:
        return np.ascontiguousarray(given)
    array = integers(given, what)
    for i in np.flatnonzero((array < 0) | (array >= 2**32)):
        raise InputError(f"{what}: entry {i} is {array[i]}; give whole numbers from 0 to 2^32 - 1")
    return array.astype(np.uint32)
