"""A book of forecasters: 2,000 of them, 20,000 questions of about 100 forecasts each, resolved some questions later."""

from dataclasses import dataclass

import gruemarket as gm
import numpy as np
import pytest
from gruemarket.forecasts.book import ForecastBook
from race import Contestant, faster, within

FORECASTERS, QUESTIONS, LOCK = 2_000, 20_000, 0.02


@dataclass(frozen=True)
class Events:
    """The arguments of `ForecastBook.play`."""

    starts: np.ndarray
    forecasters: np.ndarray
    values: np.ndarray
    happened: np.ndarray
    resolved: np.ndarray
    after: np.ndarray

    @classmethod
    def drawn(cls, forecasters: int, questions: int, each: int, seed: int = 0) -> "Events":
        """Binary questions; forecasters know the odds to within noise of their own."""
        rng = np.random.default_rng(seed)
        counts = rng.integers(each // 2, 3 * each // 2, questions)
        starts = np.r_[0, counts.cumsum()]
        who = np.concatenate([np.sort(rng.choice(forecasters, n, replace=False)) for n in counts]).astype(np.uint32)
        odds, noise = rng.normal(0, 1.5, questions), rng.uniform(0.2, 2, forecasters)
        seen = np.repeat(odds, counts) + noise[who] * rng.normal(size=len(who))
        one = 1 / (1 + np.exp(-seen))
        happened = (rng.random(questions) < 1 / (1 + np.exp(-odds))).astype(int)
        after = np.minimum(np.arange(questions) + 1 + rng.geometric(0.01, questions), questions)
        resolved = np.argsort(after, kind="stable")
        return cls(starts, who, np.stack([1 - one, one], axis=1), happened, resolved, after[resolved])

    def play(self, book: ForecastBook) -> np.ndarray:
        """The price of outcome 1, question by question."""
        outcomes = np.full(len(self.happened), 2, dtype=np.uint32)
        run = book.play(
            self.starts,
            self.forecasters,
            outcomes,
            self.values.ravel(),
            resolved=self.resolved,
            happened=self.happened[self.resolved],
            after=self.after,
        )
        return run.prices[1::2]

    def numpy_loop(self, lock: float) -> np.ndarray:
        """The same by Kelly, a question at a time."""
        free, locked = np.full(FORECASTERS, 1 / FORECASTERS), np.zeros(FORECASTERS)
        stakes: list[np.ndarray] = []
        prices, due = np.empty(len(self.happened)), 0
        for t in range(len(self.happened) + 1):
            while due < len(self.resolved) and self.after[due] == t:
                q = self.resolved[due]
                who, forecast = self._question(q)
                x = self.happened[q]
                price = prices[q] if x else 1 - prices[q]
                free[who] += stakes[q] * forecast[:, x] / price
                locked[who] -= stakes[q]
                due += 1
            if t < len(self.happened):
                who, forecast = self._question(t)
                u = np.minimum(lock * (free[who] + locked[who]), free[who])
                free[who] -= u
                locked[who] += u
                stakes.append(u)
                prices[t] = u @ forecast[:, 1] / u.sum()
        return prices

    def _question(self, t: int) -> tuple[np.ndarray, np.ndarray]:
        entries = slice(self.starts[t], self.starts[t + 1])
        return self.forecasters[entries], self.values[entries]


RULES = {"Kelly": gm.Kelly(), "isoelastic, aversion 4": gm.Isoelastic(4.0), "log pool": gm.LogPool(0.1)}
TAX = gm.GrueTax(gm.schedules.inverse())


class Engine(Contestant):
    """A book that begins anew each turn."""

    def __init__(self, events: Events, rule: object, grue: gm.GrueTax | None = None) -> None:
        bits = np.full(FORECASTERS, np.log2(FORECASTERS))

        def ready() -> None:
            self.book = ForecastBook(bits, clearing=rule, lock=LOCK, grue=grue)

        super().__init__(lambda: events.play(self.book), ready)


@pytest.fixture(scope="module")
def events() -> Events:
    return Events.drawn(FORECASTERS, QUESTIONS, 100)


@pytest.mark.parametrize("rule", RULES)
def bench_forecasts(race, events, rule):
    loop = Contestant(lambda: events.numpy_loop(LOCK))
    goal = faster("numpy loop by Kelly")
    case = f"2,000 forecasters, 20,000 questions, {rule}"
    race(case, Engine(events, RULES[rule]), {goal.rival: loop}, [goal], turns=3)
    if rule == "Kelly":
        prices = Engine(events, RULES[rule])
        prices.ready()
        prices.turn()
        np.testing.assert_allclose(prices.result, loop.result, rtol=1e-9)


def bench_taxed_forecasts(race, events):
    untaxed = Engine(events, gm.Kelly())
    goal = within("untaxed")
    case = "2,000 forecasters, 20,000 questions, Kelly, tax 1/(t+1)"
    race(case, Engine(events, gm.Kelly(), TAX), {goal.rival: untaxed}, [goal], turns=3)
