"""What is compared where nobody says what: inductors, virgin and pretrained, and processes."""

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gruemarket import learning
from gruemarket.context_trees import ContextTrees
from gruemarket.errors import InputError
from gruemarket.inductor import Inductor
from gruemarket.names import check_known
from gruemarket.processes import Process, generated, named, read
from gruemarket.programs import Programs
from gruemarket.state_machines import StateMachines, count

Factory = Callable[[int], Any]
LEAST = 4  # tokens of the shortest program that prints for ever
HISTORIES = 32  # of the longest kind that readers are told apart by
MOST = 10_000  # state machines, where nobody says how many states
SHORTER = {2: 0, 3: 2, 4: 3}  # tokens that programs have less where there are more symbols; else 4


def inductors(*, states: int = 4, depth: int = 16, tokens: int = 12) -> dict[str, Factory]:
    """The inductors that are compared where none are given: by name, what makes one for K outcomes.

    Args:
        states: of the state machines, if there are at most 10,000 up to that size; else fewer. They forget their counts
            between episodes, context trees do not.
        depth: of the context trees in symbols, 7 at most for more than two symbols.
        tokens: of the programs, less for more than two symbols; history readers have four less, since each of them is
            stepped. Both forget their records, as state machines do.

    >>> for name, make in inductors().items():
    ...     print(f"{name}: {make(3)}")
    context trees: <ContextTrees(depth=7, outcomes=3)>
    state machines: <StateMachines(3, outcomes=3, estimator=0.5, forget=True)>
    programs: <Programs(max_length=10, alphabet=3, forget=True)>
    readers: <Programs(machine='reader', max_length=6, alphabet=3, horizon=3, forget=True)>
    """

    def machines(outcomes: int) -> StateMachines:
        sizes = itertools.accumulate(count(n, outcomes) for n in range(1, states + 1))
        return StateMachines(max(1, sum(size <= MOST for size in sizes)), outcomes=outcomes, forget=True)

    def trees(outcomes: int) -> ContextTrees:
        return ContextTrees(depth if outcomes == 2 else min(depth, 7), outcomes=outcomes)

    def programs(outcomes: int) -> Programs:
        length = max(LEAST, tokens - SHORTER.get(outcomes, 4))
        return Programs("brainfuck", length, alphabet=outcomes, forget=True)

    def readers(outcomes: int) -> Programs:
        horizon = next(n for n in (5, 3, 2) if n == 2 or outcomes**n <= HISTORIES)
        length = max(LEAST + 1, tokens - 4 - SHORTER.get(outcomes, 4))
        return Programs("reader", length, alphabet=outcomes, horizon=horizon, forget=True)

    return {"context trees": trees, "state machines": machines, "programs": programs, "readers": readers}


def processes(
    names: Sequence[str] | None, records: Iterable[str | os.PathLike[str]], machines: int, seed: int
) -> list[Process]:
    """Those of some names (None: all that have one), those of files of symbols, and so many generated ones.

    Raises:
        InputError: a name that no process has, or a file without symbols.
        FileNotFoundError: a file is missing.

    >>> [one.name for one in processes(["even"], [], 1, seed=7)]
    ['even', 'machine 7.0']
    """
    known = {one.name: one for one in named()}
    for name in names or ():
        check_known(name, known, "process")
    chosen: list[Process] = [known[name] for name in (known if names is None else names)]
    chosen += [read(path) for path in records]
    return chosen + generated(machines, seed, without=chosen)


def pretrained(
    inductor: Factory,
    *,
    episodes: int = 16,
    length: int = 500,
    seed: int = 0,
    keep: float = 0.5,
    without: Iterable[Process] = (),
) -> Factory:
    """What makes an inductor that has read generated processes, an episode each, before it meets another.

    Its families have learned what they do not forget, and money lies with whoever predicted them: the episodes are
    resolved all at once, so an account holds the mean of what it has at the end of each. A part of the money stays
    where it was; without that, whoever predicted none of them would hold next to nothing, and take long to win it back.

    Args:
        inductor: what makes a virgin one for K outcomes.
        episodes: how many generated processes it reads.
        length: symbols an episode.
        seed: of the generated processes and of their symbols.
        keep: the share of the money that stays where it was.
        without: processes that it shall not have seen.

    Raises:
        InputError: `keep` is not a share.
    """
    if not 0 <= keep <= 1:
        raise InputError(f"keep {keep}; give a share of the money, 0 to 1")
    known, made = list(without), dict[int, Inductor]()

    def make(outcomes: int) -> Inductor:
        if outcomes not in made:
            one = learning.maker(inductor, outcomes)()
            shown = generated(episodes, seed, outcomes=outcomes, without=known)
            one.read([process.sample(length, seed) for process in shown], batch=episodes, regret=False)
            virgin = one.market.virgin().wealth  # of all accounts that there are now
            made[outcomes] = one.with_wealth(keep * virgin + (1 - keep) * one.market.wealth)
        return made[outcomes].fork()

    return make
