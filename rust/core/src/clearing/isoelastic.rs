//! Isoelastic clearing: traders of utility `W^(1-eta)/(1-eta)`, a Fisher market of CES utilities, whose price is unique.
//!
//! A trader spends on outcome k the share `s_ik = softmax_k( ln c_k + (ln q_ik - ln c_k) / eta_i )` of its stake and gets
//! `x_ik = u_i s_ik / c_k`. At the clearing price `sum_i x_ik = S` for every k. Solved by damped Newton on log prices from the
//! Kelly price: with `A_kl = sum_i u_i ( [k=l] s_ik / eta_i - (1/eta_i - 1) s_ik s_il )`, which is symmetric and positive
//! definite, a step is `A dy = S c z`, z the excess demand. The price minimises a convex function (the dual of Eisenberg and
//! Gale's programme), which falls along such a step by `sum_k c_k z_k dy_k`: that tells how far to go where prices must move
//! by many powers of ten, as where some give no probability and aversion is great. Where no step helps,
//! `c_k <- c_k (1 + z_k)^g`.

use super::passes::{Budgets, GIVEN_UP, Pass, Passes};
use super::tiles::Cut;
use super::{Part, Price, Room, Round, Terms, kelly, linear, within};
use crate::error::{MarketError, Result};
use crate::lanes::{budgets, logs};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// What counts as cleared: the greatest excess demand of any outcome that has a price.
pub const TOLERANCE: f64 = 1e-12;
/// The range of risk aversions.
pub const LEAST: f64 = 1.0 / 16.0;
pub const MOST: f64 = 1e6;
/// Where a trader's ln demand moves by less than this in a step, the slope before the step serves after it too.
const NEAR: f64 = 1e-5;
/// How far a log price may move in the first step; further where steps serve, less where they go too far.
const REACH: f64 = 8.0;
/// Further than this no step goes: the range of floats.
const FURTHEST: f64 = 700.0;
/// By what the reach, or a step, is made longer or shorter.
const STRETCH: f64 = 4.0;
/// No shorter part of a Newton step is tried, in log prices.
const SHORTEST: f64 = 1e-3;
/// A step has not gone too far if the function that the price minimises rises at its end by no more than this share of its
/// fall at the start (Wolfe's second condition).
const RISE: f64 = 0.9;

/// Traders of constant relative risk aversion.
#[derive(Clone, Debug)]
pub struct Isoelastic {
    pub aversion: Aversion,
    /// Forecasts are brought into `[floor, 1 - floor]`; 0 takes them as given.
    pub floor: f64,
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
    pub(super) fn of(&self, trader: usize) -> f64 {
        match self {
            Self::Common(eta) => *eta,
            Self::Each(etas) => etas[trader],
        }
    }
}

impl Isoelastic {
    pub(super) fn check(&self, outcomes: usize, traders: usize) -> Result<()> {
        within(
            "floor",
            self.floor,
            0.0,
            1.0 / outcomes as f64,
            "0 takes forecasts as given",
        )?;
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

    pub(super) fn clear(&self, round: &Round<'_>, room: &mut Room) -> Result<Price> {
        if self.floor <= 0.0 {
            return self.cleared(round, room);
        }
        // a copy, so that the passes need not floor again and again
        let rows: Vec<_> = round.parts.iter().flat_map(|part| &part.rows).collect();
        let rows: Vec<_> = rows.into_iter().map(|row| self.floored(row)).collect();
        let parts = round.parts.iter().zip(rows.chunks(round.outcomes));
        let parts: Vec<_> = parts
            .map(|(part, rows)| Part {
                rows: rows.iter().map(|row| &**row).collect(),
                ..*part
            })
            .collect();
        let cut = Cut::new(&parts, round.outcomes, round.threads_ok);
        self.cleared(
            &Round {
                parts: &parts,
                cut,
                ..*round
            },
            room,
        )
    }

    fn floored<'a>(&self, row: &'a [f64]) -> Cow<'a, [f64]> {
        if self.floor <= 0.0 {
            return Cow::Borrowed(row);
        }
        row.iter().map(|q| q.clamp(self.floor, 1.0 - self.floor)).collect()
    }

    /// The same, of forecasts that are floored already.
    fn cleared(&self, round: &Round<'_>, room: &mut Room) -> Result<Price> {
        // floored forecasts need not sum to 1, as Kelly's are taken to
        if self.floor <= 0.0 && matches!(self.aversion, Aversion::Common(1.0)) {
            return Ok(round.priced(kelly::prices(round), Terms::Kelly));
        }
        let (mut passes, mut prices) = Passes::begin(&self.aversion, round, room);
        let mut at = passes.look(&prices, true);
        let (mut slope, mut reach) = (Vec::new(), REACH);
        while at.residual > TOLERANCE {
            if given_up(&mut prices, &at) {
                at = passes.look(&prices, true);
                continue;
            }
            if !at.slope.is_empty() {
                slope.clone_from(&at.slope);
            }
            (prices, at) = self.better(&mut passes, &prices, &at, &slope, &mut reach)?;
        }
        let (passes, budgets) = passes.end(at.excess, room);
        Ok(Price {
            passes,
            residual: at.residual,
            ..round.priced(prices, Terms::Isoelastic(budgets))
        })
    }

    /// A price of less excess demand, or further down the function that the price minimises, by a part of a Newton step;
    /// else the multiplicative one.
    fn better(
        &self,
        passes: &mut Passes<'_>,
        prices: &[f64],
        at: &Pass,
        slope: &[f64],
        reach: &mut f64,
    ) -> Result<(Vec<f64>, Pass)> {
        let power = self.least().min(1.0);
        let mut look = |step: &[f64], part: f64| {
            if passes.count >= self.max_passes {
                return Err(self.failure(at.residual, passes.count));
            }
            let moved = prices.iter().zip(step).map(|(c, d)| c * logs::exp(d * part));
            let moved = normalised(moved.collect());
            let pass = passes.look(&moved, greatest(step) * part > NEAR * power);
            Ok((moved, pass))
        };
        if let Some(step) = newton(prices, at, slope) {
            let furthest = greatest(&step);
            let mut part = (*reach / furthest).min(1.0);
            let fall = fall(prices, at, &step);
            let tried = part;
            loop {
                let (moved, pass) = look(&step, part)?;
                if pass.off < at.off || -self::fall(&moved, &pass, &step) <= RISE * fall {
                    let far = if part < tried {
                        part * furthest
                    } else {
                        *reach * STRETCH
                    };
                    *reach = far.clamp(1.0, FURTHEST);
                    return Ok((moved, pass));
                }
                part /= STRETCH;
                if part * furthest < SHORTEST {
                    break;
                }
            }
        }
        look(&at.logs, power)
    }

    fn least(&self) -> f64 {
        match &self.aversion {
            Aversion::Common(eta) => *eta,
            Aversion::Each(etas) => etas.iter().copied().fold(f64::INFINITY, f64::min),
        }
    }

    fn failure(&self, residual: f64, passes: u32) -> MarketError {
        MarketError::NotCleared(format!(
            "the isoelastic market did not clear: an outcome's demand is {residual:e} of the stakes off after {passes} passes \
             over the traders (within {} passes at most {TOLERANCE:e} is asked for); floor the forecasts, or give aversions \
             nearer to 1",
            self.max_passes
        ))
    }

    /// `G_i(x) = s_ix / c_x`, divided by what the demand for x is off by, so that the sum is exact all the same.
    pub(super) fn growth(
        &self,
        price: &Price,
        budgets: &Budgets,
        traders: Range<usize>,
        part: &Part<'_>,
        outcome: usize,
        log2_growth: &mut [f64],
    ) {
        let inverse: Vec<_> = (0..traders.len())
            .map(|i| 1.0 / self.aversion.of(part.traders.index(i)))
            .collect();
        budgets::log2_growth(
            &self.floored(part.rows[outcome]),
            price.prices[outcome],
            &budgets.scales[traders.clone()],
            &budgets.sums[traders],
            &inverse,
            logs::log2(1.0 + budgets.excess[outcome]),
            log2_growth,
        );
    }
}

fn greatest(step: &[f64]) -> f64 {
    step.iter().fold(0.0, |most: f64, d| most.max(d.abs()))
}

/// How fast the function that the price minimises falls along a step of log prices.
fn fall(prices: &[f64], at: &Pass, step: &[f64]) -> f64 {
    let terms = prices.iter().zip(&at.excess).zip(step);
    terms.map(|((c, z), d)| c * z * d).sum()
}

/// Takes prices that are wanted below the range of floats for 0: of outcomes, mostly, that some give no probability where
/// aversion is great. Says whether there was one.
fn given_up(prices: &mut [f64], at: &Pass) -> bool {
    let mut any = false;
    for (c, &z) in prices.iter_mut().zip(&at.excess) {
        if *c > 0.0 && *c <= GIVEN_UP && z < 0.0 {
            *c = 0.0;
            any = true;
        }
    }
    any
}

/// Brings prices to sum to 1; what a float holds with less than its precision counts as the least that it does not.
fn normalised(mut prices: Vec<f64>) -> Vec<f64> {
    let least = |c: &f64| if *c > 0.0 { c.max(f64::MIN_POSITIVE) } else { 0.0 };
    prices.iter_mut().for_each(|c| *c = least(c));
    kelly::normalise(&mut prices);
    prices
}

/// The Newton step of log prices, in units in which the diagonal of A is 1, lest tiny prices underflow.
fn newton(prices: &[f64], at: &Pass, slope: &[f64]) -> Option<Vec<f64>> {
    let n = prices.len();
    let live: Vec<_> = (0..n).filter(|&k| slope[k * n + k] > 0.0).collect();
    let unit: Vec<_> = live.iter().map(|&k| slope[k * n + k].sqrt()).collect();
    let mut matrix = Vec::with_capacity(live.len() * live.len());
    for (&k, a) in live.iter().zip(&unit) {
        matrix.extend(live.iter().zip(&unit).map(|(&l, b)| slope[k * n + l] / a / b));
    }
    let mut right: Vec<_> = live
        .iter()
        .zip(&unit)
        .map(|(&k, a)| prices[k] * (1.0 + at.excess[k]) * at.logs[k] / a)
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
