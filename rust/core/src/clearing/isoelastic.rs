//! Isoelastic clearing: traders of utility `W^(1-eta)/(1-eta)`, a Fisher market of CES utilities (design: the price is unique).
//!
//! A trader spends on outcome k the share `s_ik = softmax_k( ln c_k + (ln q_ik - ln c_k) / eta_i )` of its stake and gets
//! `x_ik = u_i s_ik / c_k`. At the clearing price `sum_i x_ik = S` for every k. Solved by damped Newton on log prices from the
//! Kelly price. With `A_kl = sum_i u_i ( [k=l] s_ik / eta_i - (1/eta_i - 1) s_ik s_il )`, which is symmetric and positive
//! definite, a step is `A dy = S c z`, z the excess demand.

use super::{Part, Price, Terms, kelly, linear, within};
use crate::error::{MarketError, Result};
use std::sync::Arc;

/// What counts as cleared: the greatest excess demand of any outcome that has a price.
pub const TOLERANCE: f64 = 1e-12;
/// The range of risk aversions.
pub const LEAST: f64 = 1.0 / 16.0;
pub const MOST: f64 = 1e6;

/// Traders of constant relative risk aversion.
#[derive(Clone, Debug)]
pub struct Isoelastic {
    pub aversion: Aversion,
    /// Passes over the traders after which clearing is given up.
    pub max_passes: u32,
}

/// Relative risk aversion eta; 1 is Kelly.
#[derive(Clone, Debug)]
pub enum Aversion {
    Common(f64),
    /// By trader.
    Each(Arc<[f64]>),
}

impl Aversion {
    fn of(&self, trader: usize) -> f64 {
        match self {
            Self::Common(eta) => *eta,
            Self::Each(etas) => etas[trader],
        }
    }
}

/// One pass over the traders at a price.
struct Pass {
    /// `sum_i x_ik / S - 1`
    excess: Vec<f64>,
    /// A / S, row-major.
    slope: Vec<f64>,
    residual: f64,
}

impl Isoelastic {
    pub(super) fn check(&self, traders: usize) -> Result<()> {
        let what_to_do = "1 is Kelly, more is more cautious";
        match &self.aversion {
            Aversion::Common(eta) => within("risk aversion", *eta, LEAST, MOST, what_to_do),
            Aversion::Each(etas) if etas.len() != traders => Err(MarketError::shape(format!(
                "{} risk aversions for {traders} traders; give one number, or one for each trader",
                etas.len()
            ))),
            Aversion::Each(etas) => etas.iter().enumerate().try_for_each(|(i, eta)| {
                within(&format!("risk aversion of trader {i},"), *eta, LEAST, MOST, what_to_do)
            }),
        }
    }

    pub(super) fn clear(&self, outcomes: usize, parts: &[Part<'_>], staked: f64) -> Result<Price> {
        let mut prices = kelly::prices(outcomes, parts, staked);
        let mut passes = 1;
        let mut at = self.pass(&prices, parts, staked);
        while at.residual > TOLERANCE {
            let Some((better, pass)) = self.step(&prices, &at, parts, staked, &mut passes) else {
                return Err(self.failure(at.residual, passes));
            };
            (prices, at) = (better, pass);
        }
        Ok(Price {
            prices,
            passes,
            residual: at.residual,
            staked,
            settlement: Terms::Isoelastic(at.excess),
        })
    }

    fn failure(&self, residual: f64, passes: u32) -> MarketError {
        MarketError::NotCleared(format!(
            "the isoelastic market did not clear: excess demand is {residual:e} of the stakes after {passes} passes over the \
             traders (at most {TOLERANCE:e} within {} passes is asked for); floor the forecasts, or give aversions nearer to 1",
            self.max_passes
        ))
    }

    /// A better price: a damped Newton step, else a multiplicative one. None where passes ran out.
    fn step(
        &self,
        prices: &[f64],
        at: &Pass,
        parts: &[Part<'_>],
        staked: f64,
        passes: &mut u32,
    ) -> Option<(Vec<f64>, Pass)> {
        let mut damping = 1.0;
        if let Some(direction) = newton(prices, at) {
            while damping > 1e-3 && *passes < self.max_passes {
                let moved = prices
                    .iter()
                    .zip(&direction)
                    .map(|(c, d)| c * (d * damping).exp())
                    .collect();
                let (prices, pass) = self.evaluate(moved, parts, staked, passes);
                if pass.residual < at.residual {
                    return Some((prices, pass));
                }
                damping /= 2.0;
            }
        }
        if *passes >= self.max_passes {
            return None;
        }
        let power = self.least_aversion(parts).min(1.0);
        let moved = prices
            .iter()
            .zip(&at.excess)
            .map(|(c, z)| c * (z + 1.0).powf(power))
            .collect();
        Some(self.evaluate(moved, parts, staked, passes))
    }

    fn evaluate(&self, mut prices: Vec<f64>, parts: &[Part<'_>], staked: f64, passes: &mut u32) -> (Vec<f64>, Pass) {
        kelly::normalise(&mut prices);
        *passes += 1;
        let pass = self.pass(&prices, parts, staked);
        (prices, pass)
    }

    fn least_aversion(&self, parts: &[Part<'_>]) -> f64 {
        let traders = parts
            .iter()
            .flat_map(|part| (0..part.stakes.len()).map(|i| part.traders.index(i)));
        traders.map(|i| self.aversion.of(i)).fold(f64::INFINITY, f64::min)
    }

    fn pass(&self, prices: &[f64], parts: &[Part<'_>], staked: f64) -> Pass {
        let k = prices.len();
        let (mut demand, mut slope, mut bought) = (vec![0.0; k], vec![0.0; k * k], vec![0.0; k]);
        for part in parts {
            for (i, &u) in part.stakes.iter().enumerate().filter(|(_, u)| **u > 0.0) {
                let (u, inverse) = (u / staked, 1.0 / self.aversion.of(part.traders.index(i)));
                shares(prices, part, i, inverse, &mut bought);
                for (a, (&x, &c)) in bought.iter().zip(prices).enumerate() {
                    demand[a] += u * x;
                    slope[a * k + a] += u * x * c * inverse;
                    for (b, (&y, &d)) in bought.iter().zip(prices).enumerate() {
                        slope[a * k + b] -= (inverse - 1.0) * u * (x * c) * (y * d);
                    }
                }
            }
        }
        let excess: Vec<_> = demand
            .iter()
            .zip(prices)
            .map(|(d, &c)| if c > 0.0 { d - 1.0 } else { 0.0 })
            .collect();
        let residual = excess.iter().fold(
            0.0,
            |most: f64, z| if z.is_nan() { f64::INFINITY } else { most.max(z.abs()) },
        );
        Pass {
            excess,
            slope,
            residual,
        }
    }

    /// `G_i(x) = s_ix / c_x`, divided by what the demand for x was too great by, so that not even the residual is lost.
    pub(super) fn growth(
        &self,
        price: &Price,
        excess: &[f64],
        part: &Part<'_>,
        outcome: usize,
        log2_growth: &mut [f64],
    ) {
        let mut bought = vec![0.0; price.prices.len()];
        for (i, out) in log2_growth.iter_mut().enumerate() {
            let inverse = 1.0 / self.aversion.of(part.traders.index(i));
            let (top, budget) = shares(&price.prices, part, i, inverse, &mut bought);
            let own = part.rows[outcome][i] / price.prices[outcome] / top;
            *out = own.log2() * inverse - budget.log2() - excess[outcome].ln_1p() * std::f64::consts::LOG2_E;
        }
    }
}

/// What a unit staked by trader i of a part buys of each outcome, `s_ik / c_k`; returns the greatest `q_ik / c_k`, by which
/// all are divided before they are raised to a power, so that none overflows, and the sum that then makes shares of them.
fn shares(prices: &[f64], part: &Part<'_>, i: usize, inverse: f64, bought: &mut [f64]) -> (f64, f64) {
    let ratio = |k: usize| {
        if prices[k] > 0.0 {
            part.rows[k][i] / prices[k]
        } else {
            0.0
        }
    };
    let top = (0..prices.len()).map(ratio).fold(0.0, f64::max);
    bought
        .iter_mut()
        .enumerate()
        .for_each(|(k, x)| *x = (ratio(k) / top).powf(inverse));
    let budget: f64 = bought.iter().zip(prices).map(|(x, c)| x * c).sum();
    bought.iter_mut().for_each(|x| *x /= budget);
    (top, budget)
}

/// The Newton step of log prices, in units in which the diagonal of A is 1 lest tiny prices underflow.
fn newton(prices: &[f64], at: &Pass) -> Option<Vec<f64>> {
    let n = prices.len();
    let live: Vec<_> = (0..n).filter(|&k| at.slope[k * n + k] > 0.0).collect();
    let unit: Vec<_> = live.iter().map(|&k| at.slope[k * n + k].sqrt()).collect();
    let mut matrix = Vec::with_capacity(live.len() * live.len());
    for (&k, a) in live.iter().zip(&unit) {
        matrix.extend(live.iter().zip(&unit).map(|(&l, b)| at.slope[k * n + l] / a / b));
    }
    let mut right: Vec<_> = live
        .iter()
        .zip(&unit)
        .map(|(&k, a)| prices[k] * at.excess[k] / a)
        .collect();
    if !linear::solve_positive(&mut matrix, &mut right) {
        return None;
    }
    let mut direction = vec![0.0; n];
    live.iter()
        .zip(right.iter().zip(&unit))
        .for_each(|(&k, (t, a))| direction[k] = t / a);
    direction.iter().all(|d| d.is_finite()).then_some(direction)
}
