//! Any continuous demand: a price at which no outcome lets the traders together gain more than a tolerance.

use super::equilibrium::{self, Domain, Effort};
use super::{Part, Price, Round, Terms, kelly};
use crate::error::{MarketError, Result};
use crate::lanes::logs;
use std::sync::Arc;

/// A demand function and how nearly it is to be cleared: `max_x (D_x - c.D) <= tolerance` with D the sum of what is bought, as
/// a share of the money staked (the certificate of logical induction: Garrabrant et al. 2016, arXiv 1609.03543).
#[derive(Clone, Debug)]
pub struct Demand {
    pub function: Arc<dyn DemandFunction>,
    pub tolerance: f64,
}

/// What traders buy at a price.
pub trait DemandFunction: std::any::Any + Send + Sync + std::fmt::Debug {
    /// Fills `bought` (outcomes x traders, row-major) with the shares that each trader buys at `price`, each of which pays 1
    /// if its outcome happens. `forecasts` is outcomes x traders; `money` is what each stakes, as a share of all that is.
    fn demand(&self, price: &[f64], forecasts: &[f64], money: &[f64], bought: &mut [f64]) -> Result<()>;
}

/// What every trader has bought, net of what it has paid.
#[derive(Clone, Debug)]
pub(super) struct Bought {
    /// Where each part begins.
    starts: Vec<usize>,
    /// `u_i G_i(x)`, outcomes x traders.
    settled: Vec<f64>,
    money: Vec<f64>,
}

impl Demand {
    pub(super) fn check(&self) -> Result<()> {
        if self.tolerance > 0.0 && self.tolerance < 1.0 {
            return Ok(());
        }
        Err(MarketError::input(format!(
            "tolerance {} is not in (0, 1); it is the most that the traders may gain together, as a share of the money",
            self.tolerance
        )))
    }

    pub(super) fn clear(&self, round: &Round<'_>) -> Result<Price> {
        let (outcomes, parts, staked) = (round.outcomes, round.parts, round.staked);
        let money: Vec<_> = parts
            .iter()
            .flat_map(|part| part.stakes.iter().map(|u| u / staked))
            .collect();
        let rows = (0..outcomes).flat_map(|k| parts.iter().flat_map(move |part| part.rows[k].iter().copied()));
        let forecasts: Vec<_> = rows.collect();
        let n = money.len();
        let mut bought = vec![0.0; outcomes * n];
        let mut total = |price: &[f64], sums: &mut [f64]| {
            self.function.demand(price, &forecasts, &money, &mut bought)?;
            for (k, (sum, row)) in sums.iter_mut().zip(bought.chunks_exact(n)).enumerate() {
                if let Some((i, d)) = row.iter().enumerate().find(|(_, d)| !d.is_finite()) {
                    return Err(MarketError::input(format!(
                        "the demand function gave {d} for outcome {k}, trader {i} of the awake, at prices {price:?}; it must \
                         give finite numbers"
                    )));
                }
                *sum = row.iter().sum();
            }
            Ok(())
        };
        let start = kelly::prices(round);
        let found = equilibrium::solve(Domain::Simplex, &start, Effort::within(self.tolerance), &mut total)?;
        if found.certificate > self.tolerance {
            return Err(MarketError::NotCleared(format!(
                "no price found at which the demands clear: at the best of {} tried, some outcome lets the traders gain {:e} of \
                 the money (tolerance {:e}); is the demand continuous in the prices?",
                found.evaluations, found.certificate, self.tolerance
            )));
        }
        let mut sums = vec![0.0; outcomes];
        total(&found.price, &mut sums)?;
        let ends = parts.iter().scan(0, |end, part| {
            *end += part.stakes.len();
            Some(*end)
        });
        let mut bought = Bought {
            starts: std::iter::once(0).chain(ends).collect(),
            settled: bought,
            money,
        };
        bought.settle(&found.price, &sums, parts)?;
        Ok(Price {
            passes: found.evaluations,
            residual: found.certificate,
            ..round.priced(found.price, Terms::Demand(bought))
        })
    }
}

impl Bought {
    /// Turns shares bought into money: `(u_i + d_ix - c.d_i) S / (S + D_x - c.D)`, so that none is made or lost.
    fn settle(&mut self, price: &[f64], sums: &[f64], parts: &[Part<'_>]) -> Result<()> {
        let n = self.money.len();
        let cost = |column: &dyn Fn(usize) -> f64| price.iter().enumerate().map(|(k, c)| c * column(k)).sum::<f64>();
        let paid: Vec<_> = (0..n).map(|i| cost(&|k| self.settled[k * n + i])).collect();
        let all_paid = cost(&|k| sums[k]);
        for (x, row) in self.settled.chunks_exact_mut(n).enumerate() {
            let scale = 1.0 / (1.0 + sums[x] - all_paid);
            for (i, d) in row.iter_mut().enumerate() {
                let left = self.money[i] + *d - paid[i];
                if left < 0.0 && (price[x] > 0.0) {
                    return Err(MarketError::input(format!(
                        "trader {} would lose {:e} of the money if outcome {x} happened, but has staked only {:e}; a demand \
                         must leave every trader with money >= 0, whatever happens",
                        trader(parts, i),
                        self.money[i] - left,
                        self.money[i]
                    )));
                }
                *d = left * scale;
            }
        }
        Ok(())
    }

    pub(super) fn growth(&self, p: usize, outcome: usize, log2_growth: &mut [f64]) {
        let n = self.money.len();
        let settled = &self.settled[outcome * n + self.starts[p]..];
        let traders = log2_growth.iter_mut().zip(settled).zip(&self.money[self.starts[p]..]);
        for ((out, settled), &money) in traders {
            *out = if money > 0.0 { logs::log2(settled / money) } else { 0.0 };
        }
    }
}

/// The index of the i-th of all awake traders.
fn trader(parts: &[Part<'_>], mut i: usize) -> usize {
    for part in parts {
        if i < part.stakes.len() {
            return part.traders.index(i);
        }
        i -= part.stakes.len();
    }
    unreachable!("a trader beyond all parts")
}
