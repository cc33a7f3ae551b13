"""A race: the engine and what it is compared with take turns in one run, and the medians' ratios are kept."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

ROUNDS = 7


@dataclass
class Contestant:
    """Something to be timed.

    Attributes:
        play: what is timed; its last result is kept for the checks.
        ready: what is done before each turn, outside of the timing.
    """

    play: Callable[[], Any]
    ready: Callable[[], Any] = lambda: None
    result: Any = None

    def turn(self) -> None:
        """Plays once."""
        self.result = self.play()


@dataclass(frozen=True)
class Goal:
    """What the issue asks of one ratio; without `must` it is only shown."""

    rival: str
    must: float | None = None
    faster: bool = True  # whether the ratio is one of speeds (at least), or of times (at most)


def faster(rival: str, must: float | None = None) -> Goal:
    """At least `must` times as fast as the rival."""
    return Goal(rival, must)


def within(rival: str, must: float | None = None) -> Goal:
    """At most `must` times the time of the rival."""
    return Goal(rival, must, faster=False)


class Race:
    """One case of the table. pytest-benchmark times the engine; before each of its turns every rival has one."""

    def __init__(self, benchmark: Any) -> None:
        self.benchmark = benchmark

    def __call__(
        self, case: str, engine: Contestant, rivals: dict[str, Contestant], goals: list[Goal], turns: int = ROUNDS
    ) -> None:
        """Runs the race; the first turn of each warms up and is thrown away."""
        times: dict[str, list[float]] = {rival: [] for rival in rivals}

        def others_first() -> None:
            for name, rival in rivals.items():
                rival.ready()
                start = perf_counter()
                rival.turn()
                times[name].append(perf_counter() - start)
            engine.ready()

        self.benchmark.pedantic(engine.turn, setup=others_first, rounds=turns, warmup_rounds=1)
        self.benchmark.extra_info |= {
            "case": case,
            "goals": [vars(goal) for goal in goals],
            "rivals": {name: sorted(taken[-turns:]) for name, taken in times.items()},
        }

    def note(self, **facts: Any) -> None:
        """Keeps facts beside the numbers."""
        self.benchmark.extra_info |= facts
