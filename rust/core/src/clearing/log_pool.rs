//! The log pool: traders of exponential utility, whose price is the normalised geometric mean of their forecasts.

use super::tiles::{Cut, Pieces, TILE, Tile};
use super::{Opened, Price, Round, Settled, Terms, kelly};
use crate::error::{MarketError, Result};
use crate::lanes::{self, logs};
use std::f64::consts::LOG2_E;

/// `c_k ∝ exp( sum_i u_i ln q_ik / S )` with forecasts floored to `[floor, 1 - floor]`; a unit staked gains
/// `g_i(x) = ln(q_ix / c_x) - sum_k c_k ln(q_ik / c_k)` and grows by `exp(step g_i) S / sum_j u_j exp(step g_j)`.
#[derive(Clone, Debug)]
pub struct LogPool {
    /// The share of a stake that is traded on a gain of 1: a learning rate.
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
        if self.floor > 0.0 && self.floor <= 1.0 / outcomes as f64 {
            return Ok(());
        }
        Err(MarketError::input(format!(
            "floor {} is not above 0 and at most 1 / {outcomes}, as there are {outcomes} outcomes; forecasts are brought into \
             [floor, 1 - floor], and 2^-20 is a good floor",
            self.floor
        )))
    }

    /// `sum_i u_i ln q_ik` of every outcome, then how many tiles hold what is no forecast: an entry below 0, or a trader's
    /// that do not sum to 1 within `tolerance`. What stands so far `ahead` is sent for.
    pub(super) fn pool(&self, cut: &Cut<'_>, ahead: usize, tolerance: f64) -> Vec<f64> {
        cut.sums(cut.outcomes() + 1, |tile, totals, sums| {
            totals.fill(0.0);
            let (faults, sums) = sums.split_last_mut().expect("one more than outcomes");
            let mut valid = true;
            for (k, sum) in sums.iter_mut().enumerate() {
                let (stakes, row) = (tile.stakes(), tile.row(k));
                let (dot, positive) = logs::dot_lns(stakes, row, totals, ahead, self.floor, 1.0 - self.floor);
                *sum += dot;
                valid &= positive;
            }
            *faults += f64::from(!(valid && lanes::near_one(totals, tolerance)));
        })
    }

    pub(super) fn clear(&self, round: &Round<'_>, opened: Option<&Opened>) -> Price {
        let pool = opened.map_or_else(
            || self.pool(&round.cut, TILE, f64::INFINITY),
            |opened| opened.pool.clone(),
        );
        let sums = &pool[..round.outcomes];
        let prices = softmax(sums.iter().map(|sum| sum / round.staked).collect());
        round.priced(prices, Terms::LogPool)
    }

    /// `log2 e^(step g_i(x)) = step log2(e) sum_k ([k=x] - c_k) (ln q_ik - ln c_k)` of the traders of a tile.
    fn gains(&self, prices: &[f64], tile: &Tile<'_>, outcome: usize, gains: &mut [f64]) {
        let step = self.step * LOG2_E;
        let weight = |k: usize| f64::from(k == outcome) - prices[k];
        let priced = (0..prices.len()).filter(|&k| prices[k] > 0.0);
        gains.fill(-step * priced.map(|k| weight(k) * logs::ln(prices[k])).sum::<f64>());
        for k in 0..prices.len() {
            logs::add_lns(gains, tile.row(k), TILE, self.floor, 1.0 - self.floor, step * weight(k));
        }
    }

    /// Writes everybody's `e^(step g_i)`, or log2 of it; all is to be multiplied by what makes `received` be paid.
    pub(super) fn settle(
        &self,
        round: &Round<'_>,
        price: &Price,
        outcome: usize,
        received: f64,
        growth: &mut [f64],
    ) -> Settled {
        let mut rest = Pieces(growth);
        let tasks = round
            .cut
            .tasks(false)
            .map(|tiles| (tiles, Pieces(rest.take(tiles.iter().map(Tile::len).sum()))));
        // gains are at most 2 log2(1 / floor): mostly floats hold all growth and its shares of the greatest
        let mild = 2.0 * self.step * -logs::log2(self.floor) < 400.0;
        let work = |(): &mut (), (tiles, mut gains): (&[Tile<'_>], Pieces<'_, f64>)| {
            let mut paid = Paid::NOTHING;
            for tile in tiles {
                let gains = gains.take(tile.len());
                self.gains(&price.prices, tile, outcome, gains);
                paid = paid.and(if mild {
                    Paid::at_once(tile, gains)
                } else {
                    Paid::to(tile, gains)
                });
            }
            paid
        };
        let parts = round.cut.map(tasks.collect::<Vec<_>>().into_iter(), || (), work);
        let paid = parts.into_iter().fold(Paid::NOTHING, Paid::and);
        Settled {
            greatest: mild.then_some(paid.greatest),
            common: logs::log2(received / paid.sum) - paid.top,
        }
    }
}

/// `sum_j u_j 2^g_j` as `sum 2^top`, so that nothing overflows.
#[derive(Clone, Copy)]
struct Paid {
    sum: f64,
    top: f64,
    /// The greatest growth, where it is known.
    greatest: f64,
}

impl Paid {
    const NOTHING: Self = Self {
        sum: 0.0,
        top: f64::NEG_INFINITY,
        greatest: 0.0,
    };

    fn to(tile: &Tile<'_>, gains: &[f64]) -> Self {
        let staked = tile.stakes().iter().zip(gains).filter(|(u, _)| **u > 0.0);
        let top = staked.fold(f64::NEG_INFINITY, |top, (_, &gain)| top.max(gain));
        if top == f64::NEG_INFINITY {
            return Self::NOTHING;
        }
        Self {
            sum: lanes::growth::paid(gains, top, tile.stakes()),
            top,
            ..Self::NOTHING
        }
    }

    /// The same where no growth can overflow, which takes the place of its logarithm.
    fn at_once(tile: &Tile<'_>, gains: &mut [f64]) -> Self {
        lanes::growth::raise(gains);
        Self {
            sum: lanes::dot(tile.stakes(), gains),
            top: 0.0,
            greatest: lanes::extremes(gains).0,
        }
    }

    fn and(self, other: Self) -> Self {
        let top = self.top.max(other.top);
        let part = |paid: Self| {
            if paid.sum > 0.0 {
                paid.sum * (paid.top - top).exp2()
            } else {
                0.0
            }
        };
        Self {
            sum: part(self) + part(other),
            top,
            greatest: self.greatest.max(other.greatest),
        }
    }
}

/// `exp(l_k)`, brought to sum to 1.
pub(super) fn softmax(mut logs: Vec<f64>) -> Vec<f64> {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logs.iter_mut().for_each(|l| *l = logs::exp(*l - top));
    kelly::normalise(&mut logs);
    logs
}
