//! The log pool: traders of exponential utility, whose price is the normalised geometric mean of their forecasts.

use super::{Part, Price, Settlement, Terms, kelly, within};
use crate::error::{MarketError, Result};
use std::f64::consts::LOG2_E;

/// `c_k ∝ exp( sum_i u_i ln q_ik / S )` with forecasts floored to `[floor, 1 - floor]`; a unit staked gains
/// `g_i(x) = ln(q_ix / c_x) - sum_k c_k ln(q_ik / c_k)` and grows by `exp(step g_i) S / sum_j u_j exp(step g_j)`.
#[derive(Clone, Debug)]
pub struct LogPool {
    pub step: f64,
    pub floor: f64,
}

impl LogPool {
    pub(super) fn check(&self, outcomes: usize) -> Result<()> {
        if !(self.step > 0.0 && self.step.is_finite()) {
            return Err(MarketError::input(format!(
                "step {} is not a finite number > 0; 0.3 is a good start, 1 / eta that of an isoelastic market",
                self.step
            )));
        }
        let most = 1.0 / outcomes as f64;
        within(
            "floor",
            self.floor,
            f64::MIN_POSITIVE,
            most,
            "forecasts are brought into [floor, 1 - floor]",
        )
    }

    /// ln of a floored forecast.
    pub(super) fn ln(&self, q: f64) -> f64 {
        q.clamp(self.floor, 1.0 - self.floor).ln()
    }

    /// `sum_i u_i ln q_ik` of every outcome, but for one trader.
    pub(super) fn pool(&self, outcomes: usize, parts: &[Part<'_>], without: Option<usize>) -> Vec<f64> {
        let mut sums = vec![0.0; outcomes];
        for part in parts {
            let skip = without.and_then(|trader| part.traders.position(trader, part.stakes.len()));
            for (sum, row) in sums.iter_mut().zip(&part.rows) {
                let terms = part
                    .stakes
                    .iter()
                    .zip(*row)
                    .enumerate()
                    .filter(|(i, _)| Some(*i) != skip);
                *sum += terms.map(|(_, (u, &q))| u * self.ln(q)).sum::<f64>();
            }
        }
        sums
    }

    pub(super) fn clear(&self, outcomes: usize, parts: &[Part<'_>], staked: f64) -> Result<Price> {
        let pool = self.pool(outcomes, parts, None);
        Ok(Price {
            prices: softmax(pool.iter().map(|l| l / staked).collect()),
            passes: 1,
            residual: 0.0,
            staked,
            settlement: Terms::LogPool,
        })
    }

    /// `step g_i(x)` of every trader of a part.
    pub(super) fn gains(&self, prices: &[f64], part: &Part<'_>, outcome: usize) -> Vec<f64> {
        let entropy: f64 = prices.iter().map(|c| c * c.ln()).sum();
        let base = entropy - prices[outcome].ln();
        let gain = |i: usize| {
            let divergence: f64 = prices.iter().zip(&part.rows).map(|(c, row)| c * self.ln(row[i])).sum();
            self.step * (self.ln(part.rows[outcome][i]) - divergence + base)
        };
        (0..part.stakes.len()).map(gain).collect()
    }

    pub(super) fn settle(&self, price: &Price, parts: &[Part<'_>], mut settlement: Settlement) -> Settlement {
        let outcome = settlement.outcome;
        settlement.gains = parts
            .iter()
            .map(|part| self.gains(&price.prices, part, outcome))
            .collect();
        settlement.shift = price.staked.log2() - log2_paid(parts, &settlement.gains, None);
        settlement
    }
}

/// log2 of `sum_j u_j exp(step g_j)`, but for one trader.
pub(super) fn log2_paid(parts: &[Part<'_>], gains: &[Vec<f64>], without: Option<usize>) -> f64 {
    let mut terms = Vec::new();
    for (part, gains) in parts.iter().zip(gains) {
        let skip = without.and_then(|trader| part.traders.position(trader, part.stakes.len()));
        let pairs = part.stakes.iter().zip(gains).enumerate();
        terms.extend(
            pairs
                .filter(|(i, (u, _))| Some(*i) != skip && **u > 0.0)
                .map(|(_, pair)| pair),
        );
    }
    let top = terms.iter().map(|(_, g)| **g).fold(f64::NEG_INFINITY, f64::max);
    terms.iter().map(|(u, g)| *u * (*g - top).exp()).sum::<f64>().log2() + top * LOG2_E
}

pub(super) fn growth(settlement: &Settlement, p: usize, log2_growth: &mut [f64]) {
    for (out, gain) in log2_growth.iter_mut().zip(&settlement.gains[p]) {
        *out = gain * LOG2_E + settlement.shift;
    }
}

/// `exp(l_k)`, brought to sum to 1.
pub(super) fn softmax(mut logs: Vec<f64>) -> Vec<f64> {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logs.iter_mut().for_each(|l| *l = (*l - top).exp());
    kelly::normalise(&mut logs);
    logs
}
