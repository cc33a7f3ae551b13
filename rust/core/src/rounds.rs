//! Rounds as a caller gives them: forecasts or likelihoods, outcomes, stakes. Nothing is copied; rows are read as needed.

use crate::error::{MarketError, Result};
use crate::lanes::{self, Extent};
use crate::real::Real;
use std::ops::Range;

/// How the values of a round are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// (rounds, traders): the probability each trader gave to what happened.
    Likelihood,
    /// (rounds, traders): the probability of outcome 1 of two.
    Binary,
    /// (rounds, outcomes, traders)
    Full,
}

/// The fraction of its wealth that each trader puts up, each in [0, 1].
#[derive(Clone, Copy, Debug)]
pub enum Stakes<'a> {
    All,
    PerTrader(&'a [f64]),
    PerRound(&'a [f64]),
}

/// What will be read after a row: another row of the same traders, or the row's next traders.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// The same traders' next row in memory: of the next outcome, or of the next round.
    Row,
    /// The same traders' row of this round.
    Round(usize),
    Tile,
    /// The next traders' row of this round.
    TileAt(usize),
    /// Nothing that was not sent for already.
    Sent,
}

impl Next {
    /// Where a tile is led through a span of rounds before the next: that round, or as far into the next tile's.
    #[must_use]
    pub fn within(span: &Range<usize>, round: usize) -> Self {
        if round < span.end {
            Self::Round(round)
        } else {
            Self::TileAt(span.start + round - span.end)
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Rounds<'a, P> {
    pub values: &'a [P],
    pub layout: Layout,
    pub rounds: usize,
    pub traders: usize,
    pub outcomes: usize,
    /// One a round; empty with likelihoods, or where only prices are asked.
    pub happened: &'a [u32],
    pub stakes: Stakes<'a>,
}

impl<P: Real> Rounds<'_, P> {
    /// Prices per round: one for each outcome, or the one of what happened.
    #[must_use]
    pub fn width(&self) -> usize {
        if self.layout == Layout::Likelihood {
            1
        } else {
            self.outcomes
        }
    }

    /// Which of the round's prices is that of what happened.
    #[must_use]
    pub fn outcome(&self, t: usize) -> usize {
        if self.layout == Layout::Likelihood {
            0
        } else {
            self.happened[t] as usize
        }
    }

    fn offset(&self, t: usize, k: usize) -> usize {
        match self.layout {
            Layout::Full => (t * self.outcomes + k) * self.traders,
            _ => t * self.traders,
        }
    }

    fn complement(&self, k: usize) -> bool {
        self.layout == Layout::Binary && k == 0
    }

    /// The forecasts of outcome k by the traders of `range`, in the book's type: in place, or turned into `row`.
    pub fn load<'r, F: Real>(
        &'r self,
        t: usize,
        k: usize,
        range: Range<usize>,
        next: Next,
        row: &'r mut [F],
    ) -> (&'r [F], Extent) {
        let (given, ahead) = self.slices(t, k, range, next);
        if self.complement(k) {
            let valid = lanes::extent(given, ahead).valid;
            lanes::complement(given, row);
            let turned = lanes::extent(row, &[]);
            return (
                row,
                Extent {
                    valid: valid && turned.valid,
                    ..turned
                },
            );
        }
        let extent = lanes::extent(given, ahead);
        if size_of::<P>() == size_of::<F>() {
            return (bytemuck::cast_slice(given), extent);
        }
        lanes::convert(given, row);
        (row, extent)
    }

    /// The forecasts of outcome k where they can be read in place, and what will be read after them.
    #[must_use]
    pub fn in_place<F: Real>(&self, t: usize, k: usize, range: Range<usize>, next: Next) -> Option<(&[F], &[F])> {
        if self.complement(k) || size_of::<P>() != size_of::<F>() {
            return None;
        }
        let (given, ahead) = self.slices(t, k, range, next);
        Some((bytemuck::cast_slice(given), bytemuck::cast_slice(ahead)))
    }

    fn slices(&self, t: usize, k: usize, range: Range<usize>, next: Next) -> (&[P], &[P]) {
        let at = self.offset(t, k);
        let given = &self.values[at + range.start..at + range.end];
        let ahead = match next {
            Next::Row => at + self.traders + range.start,
            Next::Round(later) => self.offset(later, k) + range.start,
            Next::Tile => at + range.end,
            Next::TileAt(first) => self.offset(first, k) + range.end,
            Next::Sent => return (given, &[]),
        };
        (
            given,
            self.values
                .get(ahead..(ahead + given.len()).min(self.values.len()))
                .unwrap_or(&[]),
        )
    }

    /// One forecast, in full precision.
    #[must_use]
    pub fn at(&self, t: usize, k: usize, trader: usize) -> f64 {
        let p = self.values[self.offset(t, k) + trader];
        if self.complement(k) {
            (P::ONE - p).to_f64()
        } else {
            p.to_f64()
        }
    }

    /// The stakes of round t, where they are not all 1.
    #[must_use]
    pub fn stakes(&self, t: usize) -> Option<&[f64]> {
        match self.stakes {
            Stakes::All => None,
            Stakes::PerTrader(b) => Some(b),
            Stakes::PerRound(b) => Some(&b[t * self.traders..(t + 1) * self.traders]),
        }
    }

    /// Checks shapes, outcomes and stakes; the forecasts themselves are checked as they are read.
    pub fn check(&self) -> Result<()> {
        let (t, n, k) = (self.rounds, self.traders, self.outcomes);
        let expected = t * n * if self.layout == Layout::Full { k } else { 1 };
        if self.values.len() != expected {
            return Err(MarketError::shape(format!(
                "{} values for {t} rounds of {n} traders",
                self.values.len()
            )));
        }
        if self.layout != Layout::Likelihood {
            if self.happened.len() != t {
                return Err(MarketError::shape(format!(
                    "{} outcomes for {t} rounds",
                    self.happened.len()
                )));
            }
            if let Some((t, x)) = self.happened.iter().enumerate().find(|&(_, &x)| x as usize >= k) {
                return Err(MarketError::input(format!(
                    "round {t}: outcome {x} is not one of 0..{}",
                    k - 1
                )));
            }
        }
        let (stakes, rounds) = match self.stakes {
            Stakes::All => return Ok(()),
            Stakes::PerTrader(b) => (b, 1),
            Stakes::PerRound(b) => (b, t),
        };
        if stakes.len() != rounds * n {
            return Err(MarketError::shape(format!(
                "{} stakes for {rounds} x {n}",
                stakes.len()
            )));
        }
        match stakes.iter().position(|b| !(0.0..=1.0).contains(b)) {
            Some(i) => Err(MarketError::input(format!(
                "round {}, trader {}: stake {} is not in [0, 1]",
                i / n,
                i % n,
                stakes[i]
            ))),
            None => Ok(()),
        }
    }

    /// What is wrong with the forecasts of round t by the traders of `range`, in words.
    #[must_use]
    pub fn fault(&self, t: usize, range: Range<usize>) -> Option<MarketError> {
        let width = self.width();
        for i in range {
            let mut sum = 0.0;
            for k in 0..width {
                let p = self.at(t, k, i);
                sum += p;
                if !(p >= 0.0 && p <= 1.0 + P::SUM_TOLERANCE) {
                    let given = self.values[self.offset(t, k) + i].to_f64();
                    return Some(MarketError::input(format!(
                        "round {t}, trader {i}: {given} is not a probability; give finite numbers in [0, 1]"
                    )));
                }
            }
            if self.layout == Layout::Full && (sum - 1.0).abs() > P::SUM_TOLERANCE {
                return Some(MarketError::input(format!(
                    "round {t}, trader {i}: the forecast sums to {sum}, not to 1 within {:e}; normalise it",
                    P::SUM_TOLERANCE
                )));
            }
        }
        None
    }
}
