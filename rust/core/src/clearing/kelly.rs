//! Kelly clearing: traders of logarithmic utility.

use super::{Part, Price, Terms, within};
use crate::error::{MarketError, Result};

pub(super) fn check(fraction: f64) -> Result<()> {
    if fraction > 0.0 {
        return within(
            "fraction",
            fraction,
            0.0,
            1.0,
            "give the share of a stake that is staked",
        );
    }
    Err(MarketError::input(format!(
        "fraction {fraction} is not in (0, 1]; give the share of a stake that is staked"
    )))
}

/// `c_k = sum_i u_i q_ik / S`, brought to sum to 1.
pub(super) fn prices(outcomes: usize, parts: &[Part<'_>], staked: f64) -> Vec<f64> {
    let mut prices = vec![0.0; outcomes];
    for part in parts {
        for (price, row) in prices.iter_mut().zip(&part.rows) {
            *price += part.stakes.iter().zip(*row).map(|(u, q)| u / staked * q).sum::<f64>();
        }
    }
    normalise(&mut prices);
    prices
}

/// Brings prices to sum to 1.
pub(super) fn normalise(prices: &mut [f64]) {
    let total: f64 = prices.iter().sum();
    prices.iter_mut().for_each(|price| *price /= total);
}

pub(super) fn clear(outcomes: usize, parts: &[Part<'_>], staked: f64) -> Result<Price> {
    Ok(Price {
        prices: prices(outcomes, parts, staked),
        passes: 0,
        residual: 0.0,
        staked,
        settlement: Terms::Kelly,
    })
}

/// `G_i(x) = q_ix / c_x`
pub(super) fn growth(price: &Price, part: &Part<'_>, outcome: usize, log2_growth: &mut [f64]) {
    let paid = price.prices[outcome];
    for (out, q) in log2_growth.iter_mut().zip(part.rows[outcome]) {
        *out = (q / paid).log2();
    }
}
