//! The first market: everybody awake bets on the bit, each with the wealth of its own node.

use super::logistic::Logistic;
use crate::lanes::eight::{Floats, ln};
use pulp::Simd;
use serde::{Deserialize, Serialize};

/// How the traders' forecasts become a price, and how their wealth grows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Clearing {
    /// Exponential utility: the price's logit is the wealth-weighted mean of logits.
    LogPool { step: f64 },
    /// Log utility: the price is the wealth-weighted mean of probabilities.
    Kelly { fraction: f64 },
}

/// Forecasts of a bit, as probabilities of a 1 and as their logits.
#[derive(Clone, Copy)]
pub struct Forecasts<S: Simd> {
    pub beliefs: Floats<S>,
    pub logits: Floats<S>,
}

impl Clearing {
    /// The logit of the price; `stakes` are 0 for who is asleep. 0 (even odds) if nobody is awake.
    #[inline(always)]
    pub fn price<S: Simd>(self, stakes: Floats<S>, forecasts: &Forecasts<S>) -> f32 {
        const NOBODY: f32 = 1e-30; // far below the least wealth
        match self {
            Self::LogPool { .. } => (stakes * forecasts.logits).sum() / (stakes.sum() + NOBODY),
            Self::Kelly { .. } => {
                let ones = (stakes * forecasts.beliefs).sum();
                let zeros = (stakes - stakes * forecasts.beliefs).sum();
                ln((ones + NOBODY) / (zeros + NOBODY))
            }
        }
    }

    /// What the bit `y` multiplies each trader's wealth by, the price's logit being `price`.
    #[inline(always)]
    pub fn growth<S: Simd>(self, logistic: &Logistic, y: f32, price: f32, forecasts: &Forecasts<S>) -> Floats<S> {
        match self {
            Self::LogPool { step } => {
                // the profit of one unit staked is (y - c)(logit q_i - logit c), up to a term that all share
                let gain = (forecasts.logits - price) * (step as f32 * (y - logistic.of(price)));
                gain.clamp(-8.0, 8.0).exp()
            }
            Self::Kelly { fraction } => {
                let fraction = fraction as f32;
                // q(y) = 1 - y + (2y - 1) q
                let paid = forecasts.beliefs * (2.0 * y - 1.0) + (1.0 - y);
                paid * (fraction / logistic.of(price * (2.0 * y - 1.0))) + (1.0 - fraction)
            }
        }
    }
}
