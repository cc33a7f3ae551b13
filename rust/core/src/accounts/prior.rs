//! The prior: what each trader starts with, and what the reserve holds.

use crate::accounts::book::Book;
use crate::error::{MarketError, Result};
use crate::real::Real;
use crate::scaled::Scaled;

/// A sum of shares within this of 1 counts as 1.
const KRAFT_TOLERANCE: f64 = 1e-9;
/// The longest description, in bits: leaves wealth room to fall 90 times as far.
const LONGEST: f64 = 1e9;

/// How a user states the prior.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// Description lengths in bits; a share is `2^-bits`.
    Bits(&'a [f64]),
    Shares(&'a [f64]),
}

impl Given<'_> {
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bits(x) | Self::Shares(x) => x.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn share(&self, i: usize) -> Scaled {
        match self {
            Self::Bits(bits) => Scaled::from_bits(bits[i]),
            Self::Shares(shares) => Scaled::new(shares[i], 0),
        }
    }

    fn check(&self) -> Result<()> {
        let (Self::Bits(x) | Self::Shares(x)) = self;
        let what = if matches!(self, Self::Bits(_)) {
            "bits"
        } else {
            "a prior share"
        };
        if x.is_empty() {
            return Err(MarketError::input(
                "no traders: bits (or prior) is empty; give one entry a trader",
            ));
        }
        match x.iter().position(|v| !(v.is_finite() && *v >= 0.0)) {
            Some(i) => Err(MarketError::input(format!(
                "trader {i}: {} is not {what}; give finite numbers >= 0",
                x[i]
            ))),
            None => self.check_length(),
        }
    }

    fn check_length(&self) -> Result<()> {
        let Self::Bits(bits) = self else { return Ok(()) };
        match bits.iter().position(|b| *b > LONGEST) {
            Some(i) => Err(MarketError::input(format!(
                "trader {i}: a description of {} bits; give at most {LONGEST:e}",
                bits[i]
            ))),
            None => Ok(()),
        }
    }
}

/// The prior book, its sum being 1 - reserve, and the reserve.
pub fn prior<F: Real>(given: Given<'_>, normalize: bool) -> Result<(Book<F>, f64)> {
    given.check()?;
    // in runs, so that the sum over 10^8 traders is right to the last bits
    let runs: Vec<_> = (0..given.len())
        .step_by(512)
        .map(|start| Scaled::sum((start..(start + 512).min(given.len())).map(|i| given.share(i))))
        .collect();
    let sum = Scaled::sum(runs.iter().copied());
    let total = sum.to_f64();
    let complete = (normalize && total > 0.0) || (total - 1.0).abs() <= KRAFT_TOLERANCE;
    if total > 1.0 && !complete {
        return Err(MarketError::input(format!(
            "the prior sums to {total}, more than 1 (Kraft's inequality); lengthen the descriptions, \
             or pass normalize=True to divide by the sum"
        )));
    }
    let book = if complete && total != 1.0 {
        Book::from_values(given.len(), |i| given.share(i) / sum)
    } else {
        Book::from_values(given.len(), |i| given.share(i))
    };
    Ok((book, if complete { 0.0 } else { 1.0 - total }))
}
