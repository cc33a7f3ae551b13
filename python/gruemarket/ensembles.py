"""What the members of a fitted ensemble of classifiers forecast: one by one, or leaf by leaf where they are trees.

Nothing here imports scikit-learn: an ensemble is whatever has its attributes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from gruemarket.errors import InputError, ShapeError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


class Seen(NamedTuple):
    """What T samples look like to B members: for sample t member b is trader `traders[t, b]` and says `answers[...]`."""

    traders: Integers  # (T, B)
    places: Integers  # (T, B) where in the answers each forecast stands
    answers: Floats  # (A, K)


@dataclass(frozen=True)
class Leaves:
    """The L leaves of all trees, tree by tree."""

    tree: Integers  # (L,) the tree that each stands in
    node: Integers  # (L,) its number in that tree
    samples: Integers  # (L,) how many different samples the tree saw there
    forecasts: Floats  # (L, K)
    numbers: Sequence[Integers]  # for each tree: which of the L a node is, -1 for inner nodes


@dataclass(frozen=True)
class Ensemble:
    """The B members of a fitted ensemble, as traders.

    Attributes:
        members: the classifiers.
        columns: for each the features it looks at, None for all.
        classes: for each the positions of its classes among the ensemble's.
        outcomes: how many classes K the ensemble has.
        samples: how many samples it was fitted on.
        smoothing: what is added to the count of every class.
    """

    members: Sequence[Any]
    columns: Sequence[Integers | None]
    classes: Sequence[Integers]
    outcomes: int
    samples: int
    smoothing: float

    @classmethod
    def of(cls, fitted: Any, *, samples: int, smoothing: float) -> Self:
        """Reads RandomForest, ExtraTrees, Bagging, Voting, AdaBoost or what else has `estimators_` and `classes_`.

        Raises:
            InputError: it has no members, or they do not forecast classes.
        """
        kind = type(fitted).__name__
        members = list(np.ravel(np.array(getattr(fitted, "estimators_", []), dtype=object)))
        if not members or not hasattr(fitted, "classes_"):
            raise InputError(f"{kind} has no members that are classifiers; give one such as RandomForestClassifier")
        if getattr(fitted, "n_outputs_", 1) != 1:
            raise InputError(f"{kind} was fitted on {fitted.n_outputs_} outputs; a market asks one question")
        for member in members:
            if not (hasattr(member, "predict_proba") and hasattr(member, "classes_")):
                raise InputError(
                    f"{kind} is made of {type(member).__name__}s, which forecast no classes (predict_proba)"
                )
        columns = getattr(fitted, "estimators_features_", [None] * len(members))
        return cls(members, columns, _positions(fitted, members), len(fitted.classes_), samples, smoothing)

    @cached_property
    def leaves(self) -> Leaves | None:
        """All leaves with what they forecast; None if some member is no tree."""
        if not all(hasattr(member, "tree_") for member in self.members):
            return None
        trees, nodes, samples, forecasts, numbers = [], [], [], [], []
        found = 0
        for b, (member, classes) in enumerate(zip(self.members, self.classes, strict=True)):
            tree = member.tree_
            node = np.flatnonzero(tree.children_left < 0)
            number = np.full(tree.node_count, -1)
            number[node] = np.arange(found, found + len(node))
            found += len(node)
            counts = tree.n_node_samples[node]
            trees.append(np.full(len(node), b))
            nodes.append(node)
            samples.append(counts)
            forecasts.append(self._smoothed(tree.value[node, 0, :], classes, counts))
            numbers.append(number)
        return Leaves(*(np.concatenate(part) for part in (trees, nodes, samples, forecasts)), numbers)

    def traders(self, *, by_leaf: bool) -> pl.DataFrame:
        """One row a trader: tree, leaf (null for whole trees), n (the samples behind its forecasts).

        Raises:
            InputError: leaves are asked for, and some member is no tree.
        """
        if not by_leaf:
            roots = [m.tree_.n_node_samples[0] if hasattr(m, "tree_") else self.samples for m in self.members]
            columns: tuple[Any, ...] = (range(len(roots)), [None] * len(roots), roots)
        elif self.leaves is None:
            no_tree = next(type(m).__name__ for m in self.members if not hasattr(m, "tree_"))
            raise InputError(f"{no_tree} has no leaves; give traders='trees', or an ensemble of trees")
        else:
            columns = (self.leaves.tree, self.leaves.node, self.leaves.samples)
        names = ("tree", "leaf", "n")
        return pl.DataFrame([pl.Series(name, c, dtype=pl.Int64) for name, c in zip(names, columns, strict=True)])

    def see(self, X: Any, *, by_leaf: bool) -> Seen:
        """What all members forecast for each row of X, (T, features) and validated."""
        rows = [X if columns is None else X[:, columns] for columns in self.columns]
        asked = list(zip(self.members, rows, strict=True))
        if self.leaves is None:
            counts = np.full(X.shape[0], self.samples)
            parts = [
                self._smoothed(m.predict_proba(row), c, counts) for (m, row), c in zip(asked, self.classes, strict=True)
            ]
            answers = np.concatenate(parts)
            places = np.arange(len(answers)).reshape(len(asked), -1).T
        else:
            answers = self.leaves.forecasts
            found = [number[m.apply(row)] for (m, row), number in zip(asked, self.leaves.numbers, strict=True)]
            places = np.stack(found, axis=1)
        trees = np.broadcast_to(np.arange(len(asked)), places.shape)
        return Seen(places if by_leaf else trees, places, answers)

    def _smoothed(self, shares: Floats, classes: Integers, counts: Integers) -> Floats:
        """(n_k + a) / (n + a K): so that no error makes a trader bankrupt."""
        all_classes = np.zeros((len(shares), self.outcomes))
        all_classes[:, classes] = shares / shares.sum(axis=1, keepdims=True)
        n, a = counts[:, None], self.smoothing
        return (all_classes * n + a) / (n + a * self.outcomes)


def in_bag(fitted: Any, rows: int) -> Bools:
    """(rows, B) which of the samples each member was fitted on.

    Raises:
        InputError: the ensemble does not say, or not about these samples.
    """
    drawn = getattr(fitted, "estimators_samples_", None)
    if drawn is None:
        raise InputError(
            f"{type(fitted).__name__} does not know its members' bags (estimators_samples_); give oob=False to hold out "
            "samples"
        )
    bags = np.zeros((rows, len(drawn)), dtype=bool)
    for b, samples in enumerate(drawn):
        if samples.max(initial=0) >= rows:
            raise ShapeError(
                f"{rows} samples, but a member was fitted on number {samples.max()}; with a fitted estimator oob=True "
                "needs the very samples that it was fitted on"
            )
        bags[samples, b] = True
    return bags


def _positions(fitted: Any, members: Sequence[Any]) -> list[Integers]:
    """Each member's classes as positions: some ensembles hand the labels on to their members, others the positions."""
    labels = np.asarray(fitted.classes_)
    known = [np.asarray(member.classes_) for member in members]
    together = np.unique(np.concatenate(known))
    encoded = together.dtype.kind in "biuf" and bool(np.isin(together, np.arange(len(labels))).all())
    return [c.astype(np.int64) if encoded else np.searchsorted(labels, c) for c in known]
