//! How stakes and forecasts become a price, and what a unit staked grows by when an outcome happens.
//!
//! Trader i stakes `u_i` and forecasts `q_i`; S is the sum of stakes. A rule finds the price c and pays every trader
//! `u_i G_i(x)`, with `sum_i u_i G_i(x) = S` for **every** outcome x, so that no money is made or lost. What a trader did
//! not stake it keeps; that is for the caller.
//!
//! The awake traders come in [`Part`]s, which are tiles of a book or one gathered list. Sums have a fixed order, so the same
//! parts give the same bits for any number of threads.

mod demand;
pub mod equilibrium;
mod isoelastic;
mod kelly;
pub(crate) mod linear;
mod lmsr;
mod log_pool;
pub mod model;
mod passes;
mod proximal;
mod room;
mod simplicial;
mod tiles;

pub use demand::{Demand, DemandFunction};
pub use isoelastic::{Aversion, Isoelastic};
pub use lmsr::Lmsr;
pub use log_pool::LogPool;
pub use room::Room;

use crate::error::{MarketError, Result};
use crate::lanes;
use crate::scaled::Scaled;
use std::f64::consts::LN_2;
use tiles::{Cut, Pieces};

/// How stakes and forecasts become a price.
#[derive(Clone, Debug)]
pub enum Rule {
    /// Log utility: the price is the stake-weighted mean. `fraction` of every stake is staked; the stakes of a [`Part`]
    /// already contain it.
    Kelly {
        fraction: f64,
    },
    Isoelastic(Isoelastic),
    LogPool(LogPool),
    Lmsr(Lmsr),
    Demand(Demand),
}

/// Some of the awake traders.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// What each stakes, finite and >= 0, in one unit for all parts. Who stakes 0 moves nothing. A maker's alone, which is
    /// only measured against the others', may be infinite.
    pub stakes: &'a [f64],
    /// Their forecasts, a row for each outcome, in [0, 1].
    pub rows: Vec<&'a [f64]>,
    pub traders: Who<'a>,
}

/// Which traders a part holds: for what a rule knows of each.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// Consecutive ones, from this.
    From(usize),
    Listed(&'a [i64]),
}

impl Who<'_> {
    fn index(&self, i: usize) -> usize {
        match self {
            Self::From(first) => first + i,
            Self::Listed(traders) => traders[i] as usize,
        }
    }

    /// Where a trader stands in a part of `len`.
    fn position(&self, trader: usize, len: usize) -> Option<usize> {
        match self {
            Self::From(first) => trader.checked_sub(*first).filter(|&i| i < len),
            Self::Listed(traders) => traders.iter().position(|&k| k as usize == trader),
        }
    }
}

/// A clearing price.
#[derive(Clone, Debug)]
pub struct Price {
    /// Of each outcome; they sum to 1. 0 where nobody awake gives any probability.
    pub prices: Vec<f64>,
    /// Passes over the traders beyond the first sums; 0 for a rule with a formula.
    pub passes: u32,
    /// How far from clearing: the greatest `|sum_i x_ik / S - 1|` (isoelastic) or `max_x D_x - c.D` as a share of the money
    /// (demand); 0 for a rule with a formula.
    pub residual: f64,
    /// The sum of stakes, in the unit of the parts.
    staked: f64,
    /// Where each part's traders stand in what is kept of all.
    starts: Vec<usize>,
    terms: Terms,
}

/// What a settlement needs beside the price.
#[derive(Clone, Debug)]
enum Terms {
    Kelly,
    Isoelastic(passes::Budgets),
    LogPool,
    Lmsr(Option<lmsr::Maker>),
    Demand(demand::Bought),
}

/// What a log pool makes its price of, summed over some of the traders.
#[derive(Clone, Debug)]
pub struct Opened {
    /// `sum_i u_i ln q_ik` of every outcome, then how many tiles of the traders hold what is no forecast.
    pool: Vec<f64>,
    staked: f64,
}

impl Opened {
    /// Whether all forecasts are of numbers >= 0 that sum to 1 within the tolerance they were taken with.
    #[must_use]
    pub fn valid(&self) -> bool {
        self.pool.last() == Some(&0.0)
    }

    /// Changes to a unit of stakes so much less.
    pub fn scale(&mut self, factor: f64) {
        self.pool.iter_mut().for_each(|sum| *sum *= factor);
        self.staked *= factor;
    }

    /// Both's traders'.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.pool.iter_mut().zip(&other.pool).for_each(|(a, b)| *a += b);
        self.staked += other.staked;
        self
    }
}

/// How [`Rule::settle`] has written down what units staked grow by: but for a common factor, which some rules know last, and
/// a pass over all is dear.
#[derive(Clone, Copy, Debug)]
pub struct Settled {
    /// The greatest growth; None where logarithms to base 2 are written, minus infinity where all is lost.
    pub greatest: Option<f64>,
    /// log2 of the common factor.
    pub common: f64,
}

impl Settled {
    const fn logarithms(common: f64) -> Self {
        Self { greatest: None, common }
    }

    /// What is written for a growth of so many bits, the common factor in it.
    fn write(&mut self, bits: f64) -> f64 {
        let own = bits - self.common;
        let Some(greatest) = &mut self.greatest else {
            return own;
        };
        let growth = lanes::logs::exp(own * LN_2);
        *greatest = greatest.max(growth);
        growth
    }

    /// What a unit has grown by for which this is written, but for the common factor.
    #[must_use]
    pub fn growth(self, written: f64) -> Scaled {
        if self.greatest.is_some() {
            Scaled::new(written, 0)
        } else if written == f64::NEG_INFINITY {
            Scaled::ZERO
        } else {
            Scaled::from_bits(-written)
        }
    }

    /// The common factor.
    #[must_use]
    pub fn factor(self) -> Scaled {
        Scaled::from_bits(-self.common)
    }
}

/// What is cleared.
struct Round<'a> {
    parts: &'a [Part<'a>],
    cut: Cut<'a>,
    outcomes: usize,
    /// The sum of stakes.
    staked: f64,
    threads_ok: bool,
}

impl Round<'_> {
    /// The sum of stakes.
    fn stakes(&self) -> f64 {
        self.parts.iter().map(|part| lanes::sum(part.stakes)).sum()
    }

    /// A price by a formula.
    fn priced(&self, prices: Vec<f64>, terms: Terms) -> Price {
        let mut starts = vec![0];
        self.parts
            .iter()
            .for_each(|part| starts.push(starts[starts.len() - 1] + tiles::places_of(part.stakes.len())));
        Price {
            prices,
            passes: 0,
            residual: 0.0,
            staked: self.staked,
            starts,
            terms,
        }
    }
}

impl Rule {
    /// Refuses parameters that cannot be, for a market of so many outcomes and traders.
    pub fn check(&self, outcomes: usize, traders: usize) -> Result<()> {
        match self {
            Self::Kelly { fraction } => kelly::check(*fraction),
            Self::Isoelastic(rule) => rule.check(outcomes, traders),
            Self::LogPool(rule) => rule.check(outcomes),
            Self::Lmsr(rule) => rule.check(outcomes, traders),
            Self::Demand(rule) => rule.check(),
        }
    }

    /// The maker, if the rule has one. Its stake is measured against the others', not added to them: theirs should be in
    /// units of their greatest, and its [`Rule::held`], since a float may not hold all together.
    #[must_use]
    pub fn maker(&self) -> Option<usize> {
        match self {
            Self::Lmsr(rule) => Some(rule.maker),
            _ => None,
        }
    }

    /// What a maker stakes in units of `2^unit`, as 0 only where it is 0.
    #[must_use]
    pub fn held(maker: Scaled, unit: i64) -> f64 {
        let stake = maker.in_units_of(unit);
        if maker.is_zero() {
            0.0
        } else {
            stake.max(f64::MIN_POSITIVE)
        }
    }

    /// The price at which the market clears; None where nobody stakes anything. `threads_ok`: whether worker threads may be
    /// used; few traders never use them.
    pub fn clear(&self, outcomes: usize, parts: &[Part<'_>], threads_ok: bool) -> Result<Option<Price>> {
        self.clear_in(&mut Room::default(), outcomes, parts, None, threads_ok)
    }

    /// Whether [`Rule::open`] finds anything.
    #[must_use]
    pub fn opens(&self) -> bool {
        matches!(self, Self::LogPool(_) | Self::Lmsr(_))
    }

    /// The sums over a part of the traders that a log pool makes its price of; the maker's stake is 0. Other rules have none.
    /// So a caller can take them part by part while the forecasts are at hand, which need not be checked before.
    #[must_use]
    pub fn open(&self, part: &Part<'_>, tolerance: f64) -> Option<Opened> {
        let pool = match self {
            Self::LogPool(rule) => rule.clone(),
            Self::Lmsr(rule) => rule.pool(),
            _ => return None,
        };
        let outcomes = part.rows.len();
        let cut = Cut::new(std::slice::from_ref(part), outcomes, false);
        Some(Opened {
            pool: pool.pool(&cut, part.stakes.len(), tolerance),
            staked: lanes::sum(part.stakes),
        })
    }

    /// The same in the memory of an earlier round, from what [`Rule::open`] has found for all parts together.
    pub fn clear_in(
        &self,
        room: &mut Room,
        outcomes: usize,
        parts: &[Part<'_>],
        opened: Option<&Opened>,
        threads_ok: bool,
    ) -> Result<Option<Price>> {
        let mut round = Round {
            parts,
            cut: Cut::new(parts, outcomes, threads_ok),
            outcomes,
            staked: 0.0,
            threads_ok,
        };
        round.staked = opened.map_or_else(|| round.stakes(), |opened| opened.staked);
        if opened.is_none() && round.staked <= 0.0 {
            return Ok(None);
        }
        match self {
            Self::Kelly { .. } => Ok(round.priced(kelly::prices(&round), Terms::Kelly)),
            Self::Isoelastic(rule) => rule.clear(&round, room),
            Self::LogPool(rule) => Ok(rule.clear(&round, opened)),
            Self::Lmsr(rule) => rule.clear(&round, opened),
            Self::Demand(rule) => rule.clear(&round),
        }
        .map(Some)
    }

    /// What a unit staked grows by when `outcome` happens, whose price is not 0: for the traders of all parts, one after
    /// another.
    #[must_use]
    pub fn growth(&self, price: &Price, parts: &[Part<'_>], outcome: usize, threads_ok: bool) -> Vec<Scaled> {
        let mut written = vec![0.0; parts.iter().map(|part| part.stakes.len()).sum()];
        let settled = self.settle(price, parts, outcome, threads_ok, &mut written);
        let factor = settled.factor();
        written.into_iter().map(|x| settled.growth(x) * factor).collect()
    }

    /// Writes the same down for many.
    pub fn settle(
        &self,
        price: &Price,
        parts: &[Part<'_>],
        outcome: usize,
        threads_ok: bool,
        growth: &mut [f64],
    ) -> Settled {
        let round = Round {
            parts,
            cut: Cut::new(parts, price.prices.len(), threads_ok),
            outcomes: price.prices.len(),
            staked: price.staked,
            threads_ok,
        };
        match (self, &price.terms) {
            (Self::LogPool(rule), _) => return rule.settle(&round, price, outcome, price.staked, growth),
            (Self::Lmsr(rule), Terms::Lmsr(maker)) => {
                return rule.settle(&round, price, maker.as_ref(), outcome, growth);
            }
            _ => {}
        }
        let mut rest = Pieces(growth);
        let jobs = parts.iter().map(|part| rest.take(part.stakes.len())).enumerate();
        let work = |(): &mut (), (p, growth)| self.settle_part(price, &parts[p], p, outcome, growth);
        round.cut.map(jobs.collect::<Vec<_>>().into_iter(), || (), work);
        Settled::logarithms(0.0)
    }

    /// The growth in part number `p` by a rule that needs no sum over all.
    fn settle_part(&self, price: &Price, part: &Part<'_>, p: usize, outcome: usize, log2_growth: &mut [f64]) {
        match (self, &price.terms) {
            (Self::Isoelastic(rule), Terms::Isoelastic(budgets)) => {
                let at = price.starts[p]..price.starts[p] + part.stakes.len();
                rule.growth(price, budgets, at, part, outcome, log2_growth);
            }
            (Self::Demand(_), Terms::Demand(bought)) => bought.growth(p, outcome, log2_growth),
            _ => lanes::logs::log2_ratios(part.rows[outcome], price.prices[outcome], log2_growth),
        }
    }
}

/// Refuses a number outside `allowed`.
fn within(name: &str, value: f64, low: f64, high: f64, what_to_do: &str) -> Result<()> {
    if value >= low && value <= high {
        return Ok(());
    }
    Err(MarketError::input(format!(
        "{name} {value} is not a number from {low} to {high}; {what_to_do}"
    )))
}

#[cfg(test)]
mod tests;
