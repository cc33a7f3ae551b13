//! The log pool: traders of exponential utility, whose price is the normalised geometric mean of their forecasts.

use super::tiles::{Cut, Pieces, TILE, Tile};
use super::{Price, Round, Terms, kelly};
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

    /// `sum_i u_i ln q_ik` of every outcome. What stands so far `ahead` is sent for.
    pub(super) fn pool(&self, cut: &Cut<'_>, ahead: usize) -> Vec<f64> {
        cut.sums(cut.outcomes(), |tile, _, sums| {
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum += logs::dot_lns(tile.stakes(), tile.row(k), ahead, self.floor, 1.0 - self.floor);
            }
        })
    }

    pub(super) fn clear(&self, round: &Round<'_>, opened: Option<&[f64]>) -> Price {
        let pool = opened.map_or_else(|| self.pool(&round.cut, TILE), <[f64]>::to_vec);
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

    /// Writes `log2 e^(step g_i)` of everybody; returns log2 of what all growth is multiplied by so that `received` is paid.
    pub(super) fn settle(
        &self,
        round: &Round<'_>,
        price: &Price,
        outcome: usize,
        received: f64,
        log2_growth: &mut [f64],
    ) -> f64 {
        let mut rest = Pieces(log2_growth);
        let tasks = round
            .cut
            .tasks(false)
            .map(|tiles| (tiles, Pieces(rest.take(tiles.iter().map(Tile::len).sum()))));
        // gains are at most 2 log2(1 / floor): mostly none can overflow
        let mild = 2.0 * self.step * -logs::log2(self.floor) < 900.0;
        let work = |(): &mut (), (tiles, mut gains): (&[Tile<'_>], Pieces<'_, f64>)| {
            let mut paid = Paid::NOTHING;
            for tile in tiles {
                let gains = gains.take(tile.len());
                self.gains(&price.prices, tile, outcome, gains);
                paid = paid.and(Paid::to(tile, gains, mild));
            }
            paid
        };
        let parts = round.cut.map(tasks.collect::<Vec<_>>().into_iter(), || (), work);
        let paid = parts.into_iter().fold(Paid::NOTHING, Paid::and);
        logs::log2(received / paid.sum) - paid.top
    }
}

/// `sum_j u_j 2^g_j` as `sum 2^top`, so that nothing overflows.
#[derive(Clone, Copy)]
struct Paid {
    sum: f64,
    top: f64,
}

impl Paid {
    const NOTHING: Self = Self {
        sum: 0.0,
        top: f64::NEG_INFINITY,
    };

    fn to(tile: &Tile<'_>, gains: &[f64], mild: bool) -> Self {
        let staked = tile.stakes().iter().zip(gains).filter(|(u, _)| **u > 0.0);
        let top = if mild {
            0.0
        } else {
            staked.fold(f64::NEG_INFINITY, |top, (_, &gain)| top.max(gain))
        };
        if top == f64::NEG_INFINITY {
            return Self::NOTHING;
        }
        Self {
            sum: lanes::growth::paid(gains, top, tile.stakes()),
            top,
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
