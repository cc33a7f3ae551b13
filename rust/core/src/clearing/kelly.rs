//! Kelly clearing: traders of logarithmic utility.

use super::Round;
use crate::error::{MarketError, Result};
use crate::lanes;

pub(super) fn check(fraction: f64) -> Result<()> {
    if fraction > 0.0 && fraction <= 1.0 {
        return Ok(());
    }
    Err(MarketError::input(format!(
        "fraction {fraction} is not in (0, 1]; give the share of its stake that every trader stakes"
    )))
}

/// `c_k = sum_i u_i q_ik / S`, brought to sum to 1.
pub(super) fn prices(round: &Round<'_>) -> Vec<f64> {
    let mut prices = round.cut.sums(round.outcomes, |tile, _, sums| {
        sums.iter_mut()
            .enumerate()
            .for_each(|(k, sum)| *sum += lanes::dot(tile.stakes(), tile.row(k)));
    });
    normalise(&mut prices);
    prices
}

/// Brings prices to sum to 1.
pub(super) fn normalise(prices: &mut [f64]) {
    let total: f64 = prices.iter().sum();
    prices.iter_mut().for_each(|price| *price /= total);
}
