"""Clearing from its definitions: general solvers, exact decimals, other people's formulas.

Forecasts are (K, N), stakes (N,); a trader's growth G (K, N) is what a unit that it staked is worth, by outcome.
"""

from decimal import Decimal, localcontext

import numpy as np
from scipy import optimize
from scipy.special import expit, logit, logsumexp, softmax, xlogy

# --- Isoelastic utility


def spending(log_price, forecasts, aversion):
    """(K, N) the share of its budget that each trader spends on each outcome: it maximises its expected utility."""
    with np.errstate(divide="ignore"):
        log_price = log_price[:, None]
        return softmax(log_price + (np.log(forecasts) - log_price) / aversion, axis=0)


def excess(log_price, stakes, forecasts, aversion):
    """(K,) demanded over supplied, less 1, at prices that need not sum to 1."""
    bought = stakes * spending(log_price, forecasts, aversion) / np.exp(log_price)[:, None]
    return bought.sum(axis=1) / stakes.sum() - 1


def root_of_excess(stakes, forecasts, aversion, start):
    """The price by SciPy's hybrid Powell method, in log prices."""
    found = optimize.root(excess, np.log(start), args=(stakes, forecasts, aversion), tol=1e-13)
    assert abs(found.fun).max() < 1e-11
    return np.exp(found.x)


def log_utility(bought, forecasts, aversion):
    """(N,) ln of the certainty equivalent of portfolios (K, N); homogeneous of degree 1, as Eisenberg and Gale ask."""
    at_one = xlogy(forecasts, bought).sum(axis=0)
    power = np.where(aversion == 1, 1.0, 1 - aversion)
    other = np.log((forecasts * bought**power).sum(axis=0)) / power
    return np.where(aversion == 1, at_one, other)


def eisenberg_gale(stakes, forecasts, aversion):
    """Portfolios (K, N) that maximise sum_i u_i ln utility_i where each outcome's shares sum to the money at stake."""
    outcomes, traders = forecasts.shape
    money = stakes.sum()

    def welfare(flat):
        return -(stakes * log_utility(flat.reshape(outcomes, traders), forecasts, aversion)).sum()

    def slope(flat):
        bought = flat.reshape(outcomes, traders)
        marginal = forecasts * bought**-aversion
        return -(stakes * marginal / (marginal * bought).sum(axis=0)).ravel()

    found = optimize.minimize(
        welfare,
        np.tile(stakes, outcomes),
        jac=slope,
        method="SLSQP",
        bounds=[(1e-9, money)] * (outcomes * traders),
        constraints={
            "type": "eq",
            "fun": lambda flat: flat.reshape(outcomes, traders).sum(axis=1) - money,
            "jac": lambda _: np.kron(np.eye(outcomes), np.ones(traders)),
        },
        options={"ftol": 1e-16, "maxiter": 1_000},
    )
    assert found.success
    return found.x.reshape(outcomes, traders)


def shadow_prices(bought, stakes, forecasts, aversion):
    """(K, N) what a share of each outcome is worth to each trader at the optimum, which is its price to all."""
    marginal = forecasts * bought**-aversion
    return stakes * marginal / (marginal * bought).sum(axis=0)


def exact_binary_price(stakes, forecasts, aversion, digits=60):
    """ln of both prices of a market of two outcomes, by bisection of the log odds in decimals of so many digits."""
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = digits, 10**15, -(10**15)
        u, eta = [Decimal(float(x)) for x in stakes], [Decimal(float(x)) for x in aversion]
        log_q = [[Decimal(float(q)).ln() if q > 0 else None for q in row] for row in forecasts]

        def spent_on_one(log_odds):
            """What is spent on outcome 1 beyond what there is of it."""
            price = 1 / (1 + (-log_odds).exp())
            other = 1 / (1 + log_odds.exp())
            wanted = Decimal(0)
            for money, no, yes, e in zip(u, *log_q, eta, strict=True):
                if yes is None:
                    continue
                if no is None:
                    wanted += money
                    continue
                wanted += money / (1 + (-log_odds - ((yes - no) - log_odds) / e).exp())
            return wanted * other - (sum(u) - wanted) * price

        low, high = Decimal(-1), Decimal(1)
        while spent_on_one(low) < 0:
            low *= 2
        while spent_on_one(high) > 0:
            high *= 2
        for _ in range(digits * 3):
            middle = (low + high) / 2
            low, high = (middle, high) if spent_on_one(middle) > 0 else (low, middle)
        return np.array([float(-(1 + low.exp()).ln()), float(-(1 + (-low).exp()).ln())])


# --- Exponential utility


def geometric_mean(weights, forecasts):
    """The log pool as one writes it."""
    price = np.prod(forecasts ** (weights / weights.sum()), axis=1)
    return price / price.sum()


def logistic_mixing(weights, forecasts, outcomes, rate):
    """Prices of 1 (T,) and final weights of a gated logistic mixer: squash(w . stretch(q)), exponentiated gradient.

    The gradient of the code length -ln c(x) by w_i is -(x - c) stretch(q_i) (Mahoney 2005; Mattern 2013).
    """
    prices = []
    for said, outcome in zip(forecasts, outcomes, strict=True):
        price = expit(weights @ logit(said))
        prices.append(price)
        weights = weights * np.exp(rate * (outcome - price) * logit(said))
        weights = weights / weights.sum()
    return np.array(prices), weights


# --- The logarithmic market scoring rule


def cost(shares, quote, liquidity):
    """Hanson's cost function, whose slope at no shares sold is the opening quote."""
    return liquidity * logsumexp(shares / liquidity, b=quote)


def quoted(shares, quote, liquidity):
    """The slope of the cost: the price after so many shares were sold."""
    return softmax(shares / liquidity + np.log(quote))


def best_purchase(belief, quote, liquidity, aversion):
    """The shares (K,), of the last outcome none, that a trader of constant absolute risk aversion buys from the maker.

    They minimise ln E exp(-aversion (shares - cost)), so the slope is -aversion times what follows.
    """

    def regret(some):
        shares = np.append(some, 0)
        return (softmax(np.log(belief) - aversion * shares) - quoted(shares, quote, liquidity))[:-1]

    def log_disutility(some):
        shares = np.append(some, 0)
        return logsumexp(-aversion * (shares - cost(shares, quote, liquidity)), b=belief)

    nothing = np.zeros(len(belief) - 1)
    found = optimize.minimize(log_disutility, nothing, jac=lambda some: -aversion * regret(some), method="BFGS")
    return np.append(optimize.root(regret, found.x, tol=1e-14).x, 0)
