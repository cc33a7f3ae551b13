"""gm.sklearn: the market among the members of an ensemble, against plain loops, and scikit-learn's own checks."""

import copy
import pickle
import re
import subprocess
import sys

import gruemarket as gm
import numpy as np
import pytest
from gruemarket.ensembles import Ensemble
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

MarketClassifier = gm.sklearn.MarketClassifier
A = 0.01  # the default smoothing


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    return X[::2], y[::2], X[1::2], y[1::2]


def forest(trees=12, **settings):
    return RandomForestClassifier(trees, random_state=1, **settings)


# --- What scikit-learn asks of a classifier


@parametrize_with_checks(
    [
        MarketClassifier(forest(8), random_state=0),
        MarketClassifier(ExtraTreesClassifier(8), traders="trees", clearing=gm.Kelly(1.0), random_state=0),
        MarketClassifier(ExtraTreesClassifier(8), grue=gm.GrueTax(gm.schedules.constant(0.01)), random_state=0),
        MarketClassifier(BaggingClassifier(n_estimators=8, max_features=0.7), random_state=0),
        MarketClassifier(VotingClassifier([("logistic", LogisticRegression())]), traders="trees", random_state=0),
    ]
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_it_can_be_searched_over():
    X, y = load_iris(return_X_y=True)
    grid = {"epochs": [0, 2], "estimator__max_depth": [2, 3]}
    search = GridSearchCV(MarketClassifier(forest(5), random_state=0), grid, scoring="neg_log_loss", cv=3).fit(X, y)
    assert search.best_score_ > -0.6


# --- Oracles: the same market in loops, from scikit-learn's trees


def leaf_forecast(tree, node, K, smoothing=A):
    n = tree.tree_.n_node_samples[node]
    return np.array([(n * share + smoothing) / (n + smoothing * K) for share in tree.tree_.value[node, 0]])


class ByHand:
    """A market among the trees of a model's forest, or their leaves, on out-of-bag samples."""

    def __init__(self, model, X, y, fraction):
        self.trees, self.K, self.y, self.fraction = model.estimator_.estimators_, len(model.classes_), y, fraction
        self.bags = [set(drawn.tolist()) for drawn in model.estimator_.estimators_samples_]
        self.nodes, self.by_leaf = model.estimator_.apply(X), model.traders == "leaves"
        who = list(range(len(self.trees)))
        if self.by_leaf:
            who = [
                (b, i) for b, t in enumerate(self.trees) for i in np.flatnonzero(t.tree_.children_left == -1).tolist()
            ]
        self.wealth = dict.fromkeys(who, 1 / len(who))

    def price(self, nodes, awake):
        """The price, and by trader what it says."""
        says = {(b, nodes[b]) if self.by_leaf else b: leaf_forecast(self.trees[b], nodes[b], self.K) for b in awake}
        return np.average(list(says.values()), axis=0, weights=[self.wealth[who] for who in says]), says

    def round(self, t, *, settle):
        """What happened costs, in bits."""
        price, says = self.price(self.nodes[t], [b for b in range(len(self.trees)) if t not in self.bags[b]])
        for who, q in says.items() if settle else ():
            self.wealth[who] *= self.fraction * q[self.y[t]] / price[self.y[t]] + 1 - self.fraction
        return -np.log2(price[self.y[t]])


class Watched(np.random.RandomState):
    """Keeps the orders that it gives."""

    def __init__(self, seed):
        super().__init__(seed)
        self.orders = []

    def permutation(self, x):
        self.orders.append(super().permutation(x))
        return self.orders[-1]


@pytest.mark.parametrize("traders", ("leaves", "trees"))
@pytest.mark.parametrize("fraction", (0.1, 1.0))
def test_wealth_and_prices_are_those_of_loops(wine, traders, fraction):
    X, y, X_test, _ = wine
    settings = {"traders": traders, "clearing": gm.Kelly(fraction), "epochs": 2, "early_stopping": False}
    random = Watched(3)
    model = MarketClassifier(forest(), random_state=random, **settings).fit(X, y)
    hand = ByHand(model, X, y, fraction)
    losses = [np.mean([hand.round(t, settle=True) for t in order]) for order in random.orders]
    frame = model.traders_frame_
    keys = list(zip(frame["tree"], frame["leaf"], strict=True)) if hand.by_leaf else frame["tree"].to_list()
    assert keys == list(hand.wealth)
    np.testing.assert_allclose(frame["wealth"], list(hand.wealth.values()), rtol=1e-11)
    np.testing.assert_allclose(model.loss_bits_, losses, rtol=1e-11)
    expected = [hand.price(nodes, range(12))[0] for nodes in model.estimator_.apply(X_test)]
    np.testing.assert_allclose(model.predict_proba(X_test), expected, rtol=1e-11)


def test_epochs_are_chosen_by_what_halves_say_of_each_other(wine):
    X, y, *_ = wine
    random = Watched(3)
    model = MarketClassifier(forest(), clearing=gm.Kelly(0.5), epochs=3, random_state=random).fit(X, y)
    (rows, *orders), bits = random.orders, np.zeros(4)
    for half in (0, 1):
        hand = ByHand(model, X, y, 0.5)
        for epoch in range(4):
            for t in orders[3 * half + epoch - 1] if epoch else ():
                hand.round(t, settle=True)
            tried = rows[1 - half :: 2]
            assert not epoch or set(orders[3 * half + epoch - 1]).isdisjoint(tried)
            bits[epoch] += sum(hand.round(t, settle=False) for t in tried)
    np.testing.assert_allclose(model.validation_bits_, bits / len(rows), rtol=1e-11)
    assert model.epochs_ == len(model.loss_bits_) == np.argmin(bits)
    hand = ByHand(model, X, y, 0.5)
    for order in orders[6:]:
        for t in order:
            hand.round(t, settle=True)
    np.testing.assert_allclose(model.market_.wealth, list(hand.wealth.values()), rtol=1e-11)


def test_noisy_labels_stop_early_and_clear_ones_do_not(wine):
    random = np.random.default_rng(0)
    X, y, *_ = wine
    noisy = np.where(random.random(len(y)) < 0.4, random.integers(3, size=len(y)), y)
    assert MarketClassifier(forest(50), random_state=0).fit(X, y).epochs_ == 5
    assert MarketClassifier(forest(50), random_state=0).fit(X, noisy).epochs_ < 3


def spread(model, X, awake):
    """The samples as dense rounds: forecasts (T, K, N) and stakes (T, N)."""
    seen = model._ensemble.see(X)
    T, N, K = len(X), len(model.traders_frame_), len(model.classes_)
    forecasts, stakes = np.full((T, K, N), 1 / K), np.zeros((T, N))
    for t, b in zip(*np.nonzero(awake), strict=True):
        forecasts[t, :, seen.traders[t, b]] = seen.answers[seen.places[t, b]]
        stakes[t, seen.traders[t, b]] = 1
    return forecasts, stakes


ONE_EPOCH = {"epochs": 1, "early_stopping": False}
RULES = (gm.Kelly(0.1), gm.Kelly(1.0), gm.LogPool(0.1), gm.Isoelastic(4.0), gm.LMSR(0.05))


@pytest.mark.parametrize("clearing", RULES, ids=repr)
@pytest.mark.parametrize("traders", ("leaves", "trees"))
def test_a_probability_is_the_price_of_the_dense_market(wine, traders, clearing):
    X, y, X_test, _ = wine
    if isinstance(clearing, gm.LMSR):
        traders = "trees"  # a leaf cannot be the maker
    model = MarketClassifier(forest(6), traders=traders, clearing=clearing, random_state=0, **ONE_EPOCH).fit(X, y)
    before = model.market_.log2_wealth
    got = model.predict_proba(X_test)
    forecasts, stakes = spread(model, X_test, np.ones((len(X_test), 6), dtype=bool))
    expected = [model.market_.price(q, b) for q, b in zip(forecasts, stakes, strict=True)]
    np.testing.assert_allclose(got, expected, rtol=1e-9)
    np.testing.assert_array_equal(model.market_.log2_wealth, before)


def test_a_tax_is_that_of_the_reference(wine):
    X, y, X_test, _ = wine
    tax = gm.GrueTax(gm.schedules.constant(0.02))
    model = MarketClassifier(
        FrozenEstimator(forest(5).fit(X, y)), grue=tax, **ONE_EPOCH, random_state=np.random.RandomState(7)
    ).fit(X_test, y[: len(X_test)])
    order = np.random.RandomState(7).permutation(len(X_test))
    forecasts, stakes = spread(model, X_test[order], np.ones((len(X_test), 5), dtype=bool))
    N = len(model.traders_frame_)
    twin = gm.reference.Market(prior=np.full(N, 1 / N), outcomes=3, clearing=gm.Kelly(0.1), grue=tax, normalize=True)
    twin.run(forecasts, y[: len(X_test)][order], stakes)
    np.testing.assert_allclose(model.market_.wealth, twin.wealth, rtol=1e-9)
    assert set(model.market_.ledger()["cause"]) == {"settlement", "grue tax"}


def test_without_rounds_it_is_the_vote_of_smoothed_leaves_and_without_smoothing_the_forest(wine):
    X, y, X_test, _ = wine
    for traders in ("leaves", "trees"):
        model = MarketClassifier(forest(), traders=traders, epochs=0, smoothing=1e-12, random_state=0).fit(X, y)
        np.testing.assert_allclose(model.predict_proba(X_test), model.estimator_.predict_proba(X_test), atol=1e-11)
        assert len(model.loss_bits_) == model.market_.rounds == 0
        np.testing.assert_allclose(model.market_.wealth, 1 / len(model.market_), rtol=1e-12)


def test_blocks_of_rounds_change_nothing(wine, monkeypatch):
    X, y, X_test, _ = wine
    whole = MarketClassifier(forest(), random_state=0).fit(X, y)
    monkeypatch.setattr(gm.sklearn, "AT_ONCE", 12 * 3 * 7)  # 7 samples
    cut = MarketClassifier(forest(), random_state=0).fit(X, y)
    np.testing.assert_array_equal(cut.market_.log2_wealth, whole.market_.log2_wealth)
    np.testing.assert_array_equal(cut.predict_proba(X_test), whole.predict_proba(X_test))
    assert cut.market_.episodes == whole.market_.episodes == whole.epochs_ > 0


# --- Who plays when


def test_a_tree_sleeps_where_it_was_fitted(wine):
    X, y, *_ = wine
    for traders in ("leaves", "trees"):
        model = MarketClassifier(forest(), traders=traders, random_state=0).fit(X, y)
        out_of_bag = [len(X) - len(np.unique(drawn)) for drawn in model.estimator_.estimators_samples_]
        by_tree = model.traders_frame_.group_by("tree", maintain_order=True).sum()
        assert by_tree["rounds"].to_list() == out_of_bag
        assert by_tree["n"].to_list() == [len(X) - count for count in out_of_bag]


def test_without_bags_samples_of_each_class_are_held_out(wine):
    X, y, *_ = wine
    model = MarketClassifier(ExtraTreesClassifier(5), traders="trees", holdout=0.3, random_state=0).fit(X, y)
    held_out = sum(int(0.3 * count) for count in np.bincount(y))
    assert model.traders_frame_["rounds"].to_list() == [held_out] * 5
    assert model.traders_frame_["n"].to_list() == [len(X) - held_out] * 5


def test_a_class_of_one_sample_is_never_held_out(wine):
    X, y, *_ = wine
    y = y.copy()
    y[5] = 9
    model = MarketClassifier(ExtraTreesClassifier(5), holdout=0.9, random_state=0).fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2, 9]
    assert model.estimator_.classes_.tolist() == [0, 1, 2, 9]


def test_a_fitted_forest_is_left_alone_and_sees_new_samples(wine):
    X, y, X_new, y_new = wine
    fitted = forest().fit(X, y)
    model = MarketClassifier(FrozenEstimator(fitted), traders="trees", random_state=0).fit(X_new, y_new)
    assert model.estimator_.estimators_ is fitted.estimators_
    assert model.traders_frame_["rounds"].to_list() == [len(X_new)] * 12
    # rounds of some classes only are rounds of a market of all
    some = MarketClassifier(FrozenEstimator(fitted), random_state=0).fit(X_new[y_new < 2], y_new[y_new < 2])
    assert some.predict_proba(X_new).shape == (len(X_new), 3)


def test_a_fitted_forest_and_its_own_samples_are_the_unfitted_forest(wine):
    X, y, X_new, _ = wine
    frozen = FrozenEstimator(forest().fit(X, y))
    once = MarketClassifier(frozen, oob=True, random_state=0).fit(X, y).predict_proba(X_new)
    np.testing.assert_array_equal(once, MarketClassifier(forest(), random_state=0).fit(X, y).predict_proba(X_new))


def test_noise_is_not_worth_betting_on():
    """Every tree is certain of what it was fitted on; who bets on that believes in noise, who does not knows better."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(400, 5)), random.integers(2, size=400)
    fitted = forest(30).fit(X, y)
    honest = MarketClassifier(FrozenEstimator(fitted), oob=True, random_state=0, **ONE_EPOCH).fit(X, y)
    fooled = MarketClassifier(FrozenEstimator(fitted), oob=False, random_state=0, **ONE_EPOCH).fit(X, y)
    assert fooled.loss_bits_[0] < 0.5
    assert honest.loss_bits_[0] > 0.95


# --- Ensembles of all kinds


def test_members_that_look_at_some_features_and_miss_classes():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    settings = {"n_estimators": 15, "max_samples": 6, "max_features": 2, "random_state": 4}
    neighbours = BaggingClassifier(KNeighborsClassifier(1), **settings).fit(X, names)
    assert min(len(member.classes_) for member in neighbours.estimators_) == 2
    for bagging, traders in ((neighbours, "trees"), (BaggingClassifier(**settings).fit(X, names), "leaves")):
        market = MarketClassifier(FrozenEstimator(bagging), traders=traders, epochs=0, smoothing=1e-12).fit(X, names)
        np.testing.assert_allclose(market.predict_proba(X), bagging.predict_proba(X), atol=1e-11)
        assert market.predict(X).tolist() == bagging.predict(X).tolist()


@pytest.mark.parametrize("labels", ((0, 1, 2), (1, 2, 3), (-1, 0, 1), ("a", "b", "c"), (0.0, 1.0, 2.0)))
@pytest.mark.parametrize(
    "ensemble",
    (
        forest(6),
        BaggingClassifier(n_estimators=6, random_state=0),
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=6, random_state=0),
        VotingClassifier(
            [("tree", DecisionTreeClassifier(max_depth=3)), ("stump", DecisionTreeClassifier(max_depth=1))]
        ),
    ),
    ids=lambda ensemble: type(ensemble).__name__,
)
def test_labels_are_only_names(ensemble, labels):
    X, y = load_iris(return_X_y=True)
    model = MarketClassifier(clone(ensemble), random_state=0).fit(X, np.array(labels)[y])
    plain = MarketClassifier(clone(ensemble), random_state=0).fit(X, y)
    assert model.classes_.tolist() == list(labels)
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X), rtol=1e-12)
    assert model.score(X, np.array(labels)[y]) > 0.9


def test_members_that_are_no_trees(wine):
    X, y, X_test, _ = wine
    members = [("forest", forest(5)), ("logistic", LogisticRegression(max_iter=10_000))]
    voting = VotingClassifier(members, voting="soft").fit(X, y)
    model = MarketClassifier(FrozenEstimator(voting), traders="trees", epochs=0, random_state=0).fit(X, y)
    n = len(X)
    expected = (voting.predict_proba(X_test) * n + A) / (n + 3 * A)
    np.testing.assert_allclose(model.predict_proba(X_test), expected, rtol=1e-12)
    assert model.traders_frame_.select("tree", "leaf", "n").rows() == [(0, None, n), (1, None, n)]


def test_sparse_matrices(wine):
    sparse = pytest.importorskip("scipy.sparse")
    X, y, X_test, _ = wine
    dense = MarketClassifier(forest(), random_state=0).fit(X, y).predict_proba(X_test)
    model = MarketClassifier(forest(), random_state=0).fit(sparse.csr_array(X), y)
    np.testing.assert_allclose(model.predict_proba(sparse.csr_array(X_test)), dense, rtol=1e-12)


# --- What is promised besides


def test_it_does_better_than_the_vote_on_new_digits():
    X, y = load_digits(return_X_y=True)
    fitted = RandomForestClassifier(50, random_state=0).fit(X[::2], y[::2])
    losses = {}
    for epochs in (0, 5):
        model = MarketClassifier(FrozenEstimator(fitted), oob=True, epochs=epochs, random_state=0).fit(X[::2], y[::2])
        losses[epochs] = log_loss(y[1::2], model.predict_proba(X[1::2]))
    assert losses[5] < 0.85 * losses[0]


def test_the_same_seed_gives_the_same_bits(wine):
    X, y, X_test, _ = wine
    unseeded = RandomForestClassifier(10)
    first, again, other = (
        MarketClassifier(unseeded, random_state=seed).fit(X, y).predict_proba(X_test) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert unseeded.random_state is None


def test_pickles_and_copies_go_on_with_the_same_bits(wine):
    X, y, X_test, _ = wine
    model = MarketClassifier(forest(), grue=gm.GrueTax(gm.schedules.inverse()), random_state=0).fit(X, y)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):  # noqa: S301  # it is our own
        np.testing.assert_array_equal(other.predict_proba(X_test), model.predict_proba(X_test))
        assert other.market_.ledger().equals(model.market_.ledger())
        assert other.traders_frame_.equals(model.traders_frame_)


def test_settings_changed_after_fit_change_nothing(wine):
    X, y, X_test, _ = wine
    model = MarketClassifier(forest(), random_state=0).fit(X, y)
    before, frame = model.predict_proba(X_test), model.traders_frame_
    model.set_params(traders="trees", clearing=gm.Kelly(1.0), smoothing=1.0)
    np.testing.assert_array_equal(model.predict_proba(X_test), before)
    assert model.traders_frame_.equals(frame)


def test_money_stays_among_the_traders(wine):
    X, y, *_ = wine
    model = MarketClassifier(forest(), clearing=gm.Kelly(1.0), random_state=0).fit(X, y)
    assert model.traders_frame_["wealth"].sum() == pytest.approx(1, abs=1e-12)
    assert (model.traders_frame_["wealth"] > 0).all()


def test_one_tree_may_win_all_the_money():
    random = np.random.default_rng(0)
    X = random.normal(size=(600, 4))
    y = (X[:, 0] > 0).astype(int)
    one_sees, others = DecisionTreeClassifier(random_state=0).fit(X, y), LogisticRegression().fit(X, 1 - y)
    voting = VotingClassifier([("others", others), ("one", one_sees)], voting="soft").fit(X, y)
    voting.estimators_ = [others, one_sees]
    settings = {"traders": "trees", "clearing": gm.Kelly(1.0)} | ONE_EPOCH
    model = MarketClassifier(FrozenEstimator(voting), random_state=0, **settings).fit(X, y)
    assert model.market_.log2_wealth[0] < -1000
    assert model.market_.wealth[1] >= 1
    np.testing.assert_allclose(model.predict_proba(X)[range(600), y], (600 + A) / (600 + 2 * A), rtol=1e-12)


# --- Bad input


@pytest.mark.parametrize(
    ("settings", "said"),
    (
        ({"traders": "leaf"}, "'leaves' or 'trees'"),
        ({"oob": "yes"}, "True, False or 'auto'"),
        ({"epochs": -1}, "0 or more"),
        ({"epochs": 1.5}, "whole number"),
        ({"epochs": True}, "whole number"),
        ({"early_stopping": "yes"}, "True or False"),
        ({"smoothing": 0}, "above 0"),
        ({"smoothing": float("nan")}, "above 0"),
        ({"smoothing": "much"}, "above 0"),
        ({"holdout": 1}, "share in (0, 1)"),
        ({"holdout": None}, "share in (0, 1)"),
        ({"clearing": "kelly"}, "not a clearing rule"),
        ({"clearing": gm.LMSR(0.05)}, "a leaf sleeps too often to be the maker; give traders='trees'"),
        ({"grue": 0.1}, "not a tax"),
        ({"estimator": KMeans(2)}, "no members"),
        ({"estimator": DecisionTreeClassifier()}, "no members"),
        ({"estimator": GradientBoostingClassifier(n_estimators=2)}, "forecast no classes"),
        ({"estimator": VotingClassifier([("logistic", LogisticRegression(max_iter=10_000))])}, "traders='trees'"),
        ({"estimator": AdaBoostClassifier(), "oob": True}, "give oob=False"),
        ({"estimator": ExtraTreesClassifier(5), "oob": True}, "out-of-bag"),
        ({"estimator": ExtraTreesClassifier(5), "holdout": 1e-6}, "or held out"),
    ),
)
def test_settings_out_of_range_say_what_is_allowed(wine, settings, said):
    X, y, *_ = wine
    with pytest.raises(gm.InputError, match=re.escape(said)):
        MarketClassifier(**{"estimator": forest(3)} | settings).fit(X, y)


@pytest.mark.parametrize("settings", ({"clearing": "kelly"}, {"clearing": gm.LMSR(0.05)}, {"grue": 0.1}))
def test_settings_are_looked_at_before_the_forest_is_fitted(wine, settings, monkeypatch):
    X, y, *_ = wine
    monkeypatch.setattr(RandomForestClassifier, "fit", None)
    with pytest.raises(gm.InputError):
        MarketClassifier(forest(3), **settings).fit(X, y)


def test_settings_may_be_any_number(wine):
    X, y, *_ = wine
    model = MarketClassifier(ExtraTreesClassifier(3), smoothing=np.float32(0.01), holdout=np.float32(0.5))
    assert model.fit(X, y).score(X, y) > 0.5


def test_fitted_estimators_that_do_not_fit(wine):
    X, y, *_ = wine
    frozen = FrozenEstimator(forest(3).fit(X, y))
    with pytest.raises(gm.InputError, match=re.escape("not fitted on: 7, 8")):
        MarketClassifier(frozen).fit(X, np.where(y == 0, 7, 8))
    with pytest.raises(gm.ShapeError, match="the very samples"):
        MarketClassifier(frozen, oob=True).fit(X[:20], y[:20])
    with pytest.raises(gm.InputError, match="one output"):
        MarketClassifier(FrozenEstimator(forest(3).fit(X, np.stack([y, y], axis=1)))).fit(X, y)
    with pytest.raises(NotFittedError):
        MarketClassifier(FrozenEstimator(forest(3))).fit(X, y)
    with pytest.raises(gm.InputError, match="one class only"):
        MarketClassifier(forest(3)).fit(X, np.zeros(len(X)))
    with pytest.raises(NotFittedError):
        _ = MarketClassifier().traders_frame_


def test_weights_of_samples_are_refused(wine):
    X, y, *_ = wine
    with pytest.raises(TypeError, match="sample_weight"):
        MarketClassifier(forest(3)).fit(X, y, sample_weight=np.ones(len(X)))


# --- The extra


def start(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_the_package_does_not_wait_for_scikit_learn():
    done = start("import gruemarket, sys; assert 'sklearn' not in sys.modules; gruemarket.sklearn.MarketClassifier")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_missing_scikit_learn_names_the_extra():
    code = """
import sys
sys.modules["sklearn"] = None
import gruemarket as gm
try:
    gm.sklearn
except gm.MissingExtraError as error:
    print(error)
"""
    done = start(code)
    assert "pip install 'gruemarket[sklearn]'" in done.stdout
    assert done.stderr == ""


def test_reading_an_ensemble_needs_no_scikit_learn():
    assert start("import gruemarket.ensembles, sys; assert 'sklearn' not in sys.modules").returncode == 0
    assert Ensemble.__module__ == "gruemarket.ensembles"
