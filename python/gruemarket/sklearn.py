"""A market as a classifier: the trees of a forest, or their leaves, bet on the class. For users of scikit-learn.

Needs the extra `sklearn`. This module is `gruemarket.sklearn`; what it imports is scikit-learn itself.
"""

import math
import tempfile
from collections.abc import Iterator
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from gruemarket.clearing import LMSR, Kelly, RuleSpec
from gruemarket.ensembles import Bools, Ensemble, Floats, Integers, Seen, in_bag
from gruemarket.errors import InputError, MissingExtraError
from gruemarket.grue import GrueTax, TaxSpec
from gruemarket.market import Market
from gruemarket.sparse import SparseRounds

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.frozen import FrozenEstimator
    from sklearn.utils import check_random_state, get_tags
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise MissingExtraError(
        f"gruemarket.sklearn needs scikit-learn 1.6 or newer ({error}); get it with  pip install 'gruemarket[sklearn]'"
    ) from error

AT_ONCE = 2**22  # forecasts in memory at one time
LOOK_ONLY = 2.0**-100  # a stake that clears as any other, too small to move money: 1 - 2^-100 rounds to 1
LEAST_WEALTH_BITS = 2.0**20  # who has nothing at all counts as this poor


class Play(NamedTuple):
    """T samples as rounds.

    Attributes:
        seen: what the members forecast.
        awake: (T, B) which of them bet.
        codes: (T,) which class each sample has.
    """

    seen: Seen
    awake: Bools
    codes: Integers

    def of(self, rows: Integers) -> "Play":
        """Some of the rounds, in this order."""
        traders, places, answers = self.seen
        return Play(Seen(traders[rows], places[rows], answers), self.awake[rows], self.codes[rows])

    def rounds(self, stake: float) -> SparseRounds:
        """As a market takes them, with everybody awake staking the same."""
        traders = self.seen.traders[self.awake]
        indptr = np.concatenate([[0], np.cumsum(self.awake.sum(axis=1))])
        forecasts = self.seen.answers[self.seen.places[self.awake]]
        return SparseRounds(indptr, traders, forecasts, stakes=np.full(len(traders), stake))


class MarketClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]  # it is untyped
    """A classifier whose probabilities are the prices of a market among the trees of a forest, or among their leaves.

    A leaf is a specialist: it is awake for the samples that fall into it and forecasts the classes that it has seen,
    `(n_k + a) / (n + a K)`. All begin with the same money, so the first price is the forest's vote; then every sample
    is a round, in which the awake bet. With Kelly's rule this is the constant market of Barbu and Lay (2012, "An
    introduction to artificial prediction markets for classification", JMLR 13), whose money, when little is staked over
    many epochs, tends to the weights of greatest likelihood. Few epochs and small stakes stay near the vote.

    A tree is overconfident about what it was fitted on, so nobody bets on that: in the round of a sample only those
    trees are awake that did not draw it (out-of-bag), or the rounds are of samples held out from the forest.

    Weights for samples are not taken: a round happens or does not, and a stake twice as high is not two rounds.

    Args:
        estimator: an ensemble of classifiers, such as RandomForestClassifier, ExtraTreesClassifier, BaggingClassifier
            or VotingClassifier; it is cloned and fitted. None is RandomForestClassifier(). A fitted one goes in as
            `sklearn.frozen.FrozenEstimator(forest)`, and `fit` only plays the market.
        traders: "leaves" or "trees". What are not trees can be traders as "trees" too.
        clearing: how the market clears; None is `Kelly(0.1)`. The maker of an `LMSR` is a tree, by its number; a leaf,
            asleep for most samples, cannot be it. With `Demand` a fitted classifier cannot be pickled.
        grue: a `GrueTax`, or None for no tax. It is levied between rounds, not on what is predicted later.
        epochs: how many times all rounds are played, each time in another order; 0 leaves everybody the same money.
        early_stopping: whether fewer epochs are played if that is better: half of the rounds are played first and tried
            on the other half, and the other way round, and the number of epochs with the least loss is taken, be it 0.
            Where classes are noisy, leaves that were lucky once would otherwise win each time.
        smoothing: a, the count that every class has beforehand, > 0.
        oob: whether rounds are of samples out-of-bag; "auto" where the estimator has `bootstrap=True`, which a fitted
            one never counts as: its rounds are all samples that `fit` is given, which it should not have seen. With
            oob=True it is given the very samples it was fitted on.
        holdout: otherwise the share of each class that is held out from the estimator for the rounds, in (0, 1).
        random_state: of the rounds' order, of what is held out, and of the estimator unless it has its own.

    Attributes:
        estimator_: the fitted ensemble.
        epochs_: how many epochs were played.
        validation_bits_: (epochs + 1,) with early stopping: what a round cost on average that was not learned from,
            after so many epochs, in bits.
        market_: the `gruemarket.Market` after all rounds; its traders stand as in `traders_frame_`, grouped by tree.
        loss_bits_: (epochs_,) what a round cost the market on average, in bits. In the first epoch every sample is
            priced before anybody has won from it; later ones flatter.
        classes_, n_features_in_, feature_names_in_: as everywhere in scikit-learn.

    >>> from sklearn.datasets import load_wine
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> import gruemarket as gm
    >>> X, y = load_wine(return_X_y=True)
    >>> forest = RandomForestClassifier(20, random_state=0)
    >>> market = gm.sklearn.MarketClassifier(forest, random_state=0).fit(X[::2], y[::2])
    >>> float(market.score(X[1::2], y[1::2])) > 0.95
    True
    >>> market.traders_frame_.columns
    ['tree', 'leaf', 'n', 'rounds', 'wealth']
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        traders: Literal["leaves", "trees"] = "leaves",
        clearing: Any = None,
        grue: GrueTax | None = None,
        epochs: int = 5,
        early_stopping: bool = True,
        smoothing: float = 0.01,
        oob: bool | Literal["auto"] = "auto",
        holdout: float = 0.25,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.traders = traders
        self.clearing = clearing
        self.grue = grue
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.smoothing = smoothing
        self.oob = oob
        self.holdout = holdout
        self.random_state = random_state

    # --- scikit-learn's face

    def fit(self, X: Any, y: Any) -> Self:
        """Fits the ensemble and plays the market.

        Args:
            X: (samples, features).
            y: (samples,) classes, two or more.

        Raises:
            InputError: settings out of range, one class only, an ensemble without classifiers, no round to be played.
        """
        _check(self)
        X, y = self._validated(X, y=y)
        check_classification_targets(y)
        codes = self._codes(y)
        random = check_random_state(self.random_state)
        fitted_on, played_on = self._parts(codes, random)
        self.estimator_ = self._given(random).fit(X[fitted_on], y[fitted_on])
        by_leaf = self.traders == "leaves"
        self._ensemble = Ensemble.of(
            self.estimator_, by_leaf=by_leaf, samples=len(fitted_on), smoothing=float(self.smoothing)
        )
        self._clearing = Kelly(0.1) if self.clearing is None else self.clearing
        awake = np.ones((len(played_on), len(self._ensemble.members)), dtype=bool)
        if self._plays_out_of_bag:
            awake = ~in_bag(self.estimator_, len(y))
        if not awake.any():
            raise InputError("no sample is out-of-bag, or held out: see oob and holdout, or give more samples")
        self._play(Play(self._ensemble.see(X[played_on]), awake, codes[played_on]), random)
        return self

    def predict_proba(self, X: Any) -> Floats:
        """(samples, K) the prices at which the market clears, with the wealth that it has. Nothing moves.

        Raises:
            NotFittedError: before `fit`.
        """
        check_is_fitted(self, "market_")
        X = self._validated(X, reset=False)
        seen = (self._ensemble.see(X[rows]) for rows in self._blocks(np.arange(X.shape[0])))
        plays = (Play(s, np.ones(s.places.shape, dtype=bool), np.zeros(len(s.places), dtype=np.int64)) for s in seen)
        blocks = ((play.rounds(stake=LOOK_ONLY), play.codes) for play in plays)
        return self._quotes(self.market_).run_blocks(blocks, regret=False).prices

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """(samples,) the classes with the highest prices."""
        prices = self.predict_proba(X)
        return np.asarray(self.classes_[prices.argmax(axis=1)])

    @property
    def traders_frame_(self) -> pl.DataFrame:
        """One row a trader: tree, leaf (its node; null for whole trees), n, rounds, wealth.

        n is how many different samples the trader's forecasts rest on, rounds how many it was awake for in each epoch,
        wealth its share of all money.
        """
        check_is_fitted(self, "market_")
        return self._traders.with_columns(wealth=self.market_.wealth)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inside = get_tags(RandomForestClassifier() if self.estimator is None else self.estimator).input_tags
        tags.input_tags.sparse, tags.input_tags.allow_nan = inside.sparse, inside.allow_nan
        return tags

    # --- Inside

    @property
    def _is_fitted_already(self) -> bool:
        return isinstance(self.estimator, FrozenEstimator)

    @property
    def _plays_out_of_bag(self) -> bool:
        if self.oob != "auto":
            return bool(self.oob)
        settings = {"bootstrap": True} if self.estimator is None else self.estimator.get_params(deep=False)
        return settings.get("bootstrap") is True

    def _validated(self, X: Any, **more: Any) -> Any:
        tags = self.__sklearn_tags__().input_tags
        finite = "allow-nan" if tags.allow_nan else True
        return validate_data(self, X, accept_sparse="csr" if tags.sparse else False, ensure_all_finite=finite, **more)

    def _given(self, random: Any) -> Any:
        """The estimator to be fitted, with a seed unless it has one."""
        given = RandomForestClassifier() if self.estimator is None else clone(self.estimator)
        if given.get_params(deep=False).get("random_state", 0) is None:
            given.set_params(random_state=random.randint(2**31 - 1))
        return given

    def _codes(self, y: npt.NDArray[Any]) -> Integers:
        """Which of the classes each sample has."""
        if self._is_fitted_already:
            check_is_fitted(self.estimator)
        classes = getattr(self.estimator, "classes_", None) if self._is_fitted_already else np.unique(y)
        if not isinstance(classes, np.ndarray):
            raise InputError(f"{self.estimator} does not forecast the classes of one output; give a classifier")
        self.classes_ = classes
        if len(self.classes_) < 2:
            raise InputError(f"one class only, {self.classes_.tolist()[0]!r}; a market needs 2 or more")
        if strange := set(np.unique(y).tolist()) - set(self.classes_.tolist()):
            raise InputError(
                f"y has classes that the estimator was not fitted on: {', '.join(sorted(map(repr, strange)))}"
            )
        return np.searchsorted(self.classes_, y)

    def _parts(self, codes: Integers, random: Any) -> tuple[Integers, Integers]:
        """The samples that the estimator is fitted on, and those that are rounds."""
        everything = np.arange(len(codes))
        if self._plays_out_of_bag or self._is_fitted_already:
            return everything, everything
        order = random.permutation(everything)
        held_out = np.zeros(len(codes), dtype=bool)
        for code in range(codes.max() + 1):  # of a rare class at least one is left to learn from
            of_class = order[codes[order] == code]
            held_out[of_class[: int(self.holdout * len(of_class))]] = True
        return np.flatnonzero(~held_out), np.flatnonzero(held_out)

    def _market(self, **prior: Any) -> Market:
        return Market(outcomes=self._ensemble.outcomes, clearing=self._clearing, **prior)

    def _virgin(self) -> Market:
        """The traders before any round."""
        traders = self._ensemble.traders
        even = np.full(len(traders), 1 / len(traders))
        return self._market(prior=even, normalize=True, grue=self.grue, groups=traders["tree"])

    def _quotes(self, market: Market) -> Market:
        """The same money in a market of its own: one may ask for prices without a tax, and from several threads."""
        return self._market(bits=np.clip(-market.log2_wealth, 0, LEAST_WEALTH_BITS))

    def _blocks(self, rows: Integers) -> Iterator[Integers]:
        """The rows in portions that fit into memory."""
        size = max(1, AT_ONCE // (len(self._ensemble.members) * self._ensemble.outcomes))
        return (rows[t : t + size] for t in range(0, len(rows), size))

    def _bits(self, market: Market, play: "Play", rows: Integers, stake: float = 1.0) -> float:
        """Plays an episode of these rounds and says what they cost together."""
        parts = (play.of(block) for block in self._blocks(rows))
        return market.run_blocks(((p.rounds(stake), p.codes) for p in parts), regret=False).total_loss_bits

    def _play(self, play: "Play", random: Any) -> None:
        rows = np.flatnonzero(play.awake.any(axis=1))
        self.epochs_ = int(self.epochs)
        if self.early_stopping and len(rows) > 1:
            self.validation_bits_ = self._validated_bits(play, random.permutation(rows), random) / len(rows)
            self.epochs_ = int(self.validation_bits_.argmin())
        self.market_ = self._virgin()
        losses = [self._bits(self.market_, play, random.permutation(rows)) for _ in range(self.epochs_)]
        self.loss_bits_ = np.array(losses) / len(rows)
        counts = np.bincount(play.seen.traders[play.awake], minlength=len(self.market_))
        self._traders = self._ensemble.traders.with_columns(rounds=counts)

    def _validated_bits(self, play: "Play", rows: Integers, random: Any) -> Floats:
        """What each half of the rounds costs a market that has played the other, after 0, 1, 2, ... epochs."""
        bits = np.zeros(self.epochs + 1)
        halves = rows[::2], rows[1::2]
        for learned, tried in (halves, halves[::-1]):
            market = self._virgin()
            for epoch in range(self.epochs + 1):
                if epoch:
                    self._bits(market, play, random.permutation(learned))
                bits[epoch] += self._bits(self._quotes(market), play, tried, LOOK_ONLY)
        return bits

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        if "market_" not in state:
            return state
        with tempfile.TemporaryDirectory() as folder:
            self.market_.save(Path(folder) / "market")
            return state | {"market_": (Path(folder) / "market").read_bytes()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "market_" in state:
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "market").write_bytes(state["market_"])
                state = state | {"market_": Market.load(Path(folder) / "market")}
        super().__setstate__(state)


def _check(given: Any) -> None:
    """Raises InputError for settings that are out of range, before the ensemble is fitted."""
    if given.traders not in ("leaves", "trees"):
        raise InputError(f"traders={given.traders!r}; 'leaves' or 'trees'")
    if given.traders == "leaves" and isinstance(given.clearing, LMSR):
        raise InputError(f"clearing={given.clearing!r}: a leaf sleeps too often to be the maker; give traders='trees'")
    RuleSpec.of(given.clearing)
    if given.grue is not None:
        TaxSpec.of(given.grue)
    if given.oob not in (True, False, "auto"):
        raise InputError(f"oob={given.oob!r}; True, False or 'auto'")
    if isinstance(given.epochs, bool) or not isinstance(given.epochs, Integral) or given.epochs < 0:
        raise InputError(f"epochs={given.epochs!r}; give a whole number, 0 or more")
    if given.early_stopping not in (True, False):
        raise InputError(f"early_stopping={given.early_stopping!r}; True or False")
    if not isinstance(given.smoothing, Real) or not 0 < float(given.smoothing) < math.inf:
        raise InputError(f"smoothing={given.smoothing!r}; give a number above 0, or one error would ruin a leaf")
    if not isinstance(given.holdout, Real) or not 0 < float(given.holdout) < 1:
        raise InputError(f"holdout={given.holdout!r}; give a share in (0, 1)")
