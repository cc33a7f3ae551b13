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
    """What T samples look like to B members: member b is trader `traders[t, b]` for sample t."""

    traders: Integers  # (T, B)
    places: Integers  # (T, B) in which of the answers each forecast stands
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
        by_leaf: whether each leaf is a trader, or each member.
    """

    members: Sequence[Any]
    columns: Sequence[Integers | None]
    classes: Sequence[Integers]
    outcomes: int
    samples: int
    smoothing: float
    by_leaf: bool

    @classmethod
    def of(cls, fitted: Any, *, by_leaf: bool, samples: int, smoothing: float) -> Self:
        """Reads RandomForest, ExtraTrees, Bagging, Voting, AdaBoost or what else has `estimators_` and `classes_`.

        Raises:
            InputError: it has no members, they do not forecast classes, or have no leaves to be traders.
        """
        kind = type(fitted).__name__
        given = getattr(fitted, "estimators_", [])
        members = list(given.flat) if isinstance(given, np.ndarray) else list(given)
        if not members or not hasattr(fitted, "classes_"):
            raise InputError(f"{kind} has no members that are classifiers; give one such as RandomForestClassifier")
        for member in members:
            if not (hasattr(member, "predict_proba") and hasattr(member, "classes_")):
                raise InputError(
                    f"{kind} is made of {type(member).__name__}s, which forecast no classes (predict_proba)"
                )
        columns = getattr(fitted, "estimators_features_", [None] * len(members))
        classes = _positions(fitted, members)
        ensemble = cls(members, columns, classes, len(fitted.classes_), samples, smoothing, by_leaf)
        if by_leaf and ensemble.leaves is None:
            raise InputError(f"{kind} is not made of trees, so it has no leaves; give traders='trees'")
        return ensemble

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
        tree_of, node_of, samples_of, says = map(np.concatenate, (trees, nodes, samples, forecasts))
        return Leaves(tree_of, node_of, samples_of, says, numbers)

    @property
    def traders(self) -> pl.DataFrame:
        """One row a trader: tree, leaf (null for whole trees), n (the samples behind its forecasts)."""
        members = self.members
        if self.by_leaf and self.leaves is not None:
            columns: tuple[Any, ...] = (self.leaves.tree, self.leaves.node, self.leaves.samples)
        else:
            known = [m.tree_.n_node_samples[0] if hasattr(m, "tree_") else self.samples for m in members]
            columns = (range(len(members)), [None] * len(members), known)
        names = ("tree", "leaf", "n")
        return pl.DataFrame([pl.Series(name, c, dtype=pl.Int64) for name, c in zip(names, columns, strict=True)])

    def see(self, X: Any) -> Seen:
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
        return Seen(places if self.by_leaf else trees, places, answers)

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
            f"{type(fitted).__name__} has no bags (estimators_samples_); give oob=False to hold samples out"
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
