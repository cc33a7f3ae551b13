//! The two accounts inside a node: "stop here", which bets the node's own belief, against "descend", which bets the
//! price of the subtree below.

use crate::error::{MarketError, Result};
use crate::grue::kernel::Kernel;
use crate::grue::{Tax, Unit};
use crate::real::pow2;
use crate::scaled::Scaled;

/// The odds of "stop here": its wealth over that of "descend", `value * 2^(512 exponent)`, the value in `[2^-256, 2^256]`.
///
/// Ratios keep both accounts to 53 bits however poor one of them is, and never underflow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odds {
    pub value: f64,
    pub exponent: i32,
}

const STEP: i64 = 512;

impl Odds {
    /// Both accounts are described in one bit.
    pub const EVEN: Self = Self {
        value: 1.0,
        exponent: 0,
    };

    /// The share of "stop here" in the node's money.
    #[inline(always)]
    pub fn share(self) -> f64 {
        match self.exponent {
            0 => self.value / (1.0 + self.value),
            1.. => 1.0,
            _ => 0.0,
        }
    }

    /// The odds after a bet that "stop here" had given probability `stop` and "descend" `descend`.
    #[inline(always)]
    #[must_use]
    pub fn settled(self, stop: f64, descend: f64) -> Self {
        let value = self.value * (stop / descend);
        if value > pow2(-STEP / 2) && value < pow2(STEP / 2) {
            return Self { value, ..self };
        }
        Self::from_scaled(Scaled::new(value, STEP * i64::from(self.exponent)))
    }

    /// The odds after each account has turned the share `moved` of its money into the other's.
    #[inline(always)]
    #[must_use]
    pub fn taxed(self, moved: f64) -> Self {
        if self.exponent != 0 || moved < pow2(-STEP / 4) {
            return self.taxed_exactly(moved);
        }
        let (keep, r) = (1.0 - moved, self.value);
        Self {
            value: (keep * r + moved) / (keep + moved * r),
            exponent: 0,
        }
    }

    /// The same where one account is too poor for floats, or the tax too small.
    #[cold]
    fn taxed_exactly(self, moved: f64) -> Self {
        let r = Scaled::new(self.value, STEP * i64::from(self.exponent));
        let (keep, moved) = (Scaled::new(1.0 - moved, 0), Scaled::new(moved, 0));
        Self::from_scaled((keep * r + moved) / (keep + moved * r))
    }

    #[cold]
    fn from_scaled(odds: Scaled) -> Self {
        let exponent = (odds.exponent + STEP / 2).div_euclid(STEP);
        Self {
            value: odds.in_units_of(STEP * exponent),
            exponent: exponent as i32,
        }
    }
}

/// A Grue tax inside every node, whose index counts the node's visits.
///
/// The two accounts are described in one bit each, so the kernel "anything" turns half of the hazard's share of each
/// into the other: `w <- w - h w / 2 + h w' / 2`.
#[derive(Clone, Debug)]
pub struct NodeTax {
    tax: Tax,
    /// What is moved at the first indices, worked out once.
    known: Vec<f64>,
}

/// Deeper nodes are visited less often than this, so asking the schedule beyond it is rare.
const KNOWN: u64 = 4096;

impl NodeTax {
    pub fn new(tax: Tax) -> Result<Self> {
        let plain = matches!(tax.kernel, Kernel::Anything) && tax.unit == Unit::Round && tax.stage_landmarks.is_empty();
        if !plain {
            return Err(MarketError::input(
                "a tax inside the nodes of a context tree counts each node's visits and moves money between two accounts: \
                 give gm.GrueTax(schedule) of the default kernel \"anything\" and unit \"round\", with landmarks by index only",
            ));
        }
        // a schedule given by a short array is an error only once a node gets past its end
        let known = (0..KNOWN)
            .map_while(|t| tax.hazard(t, None).ok())
            .map(|h| h / 2.0)
            .collect();
        Ok(Self { tax, known })
    }

    /// The share of each account that turns into the other before the visit after `visits` others.
    #[inline(always)]
    pub fn moved(&self, visits: u64) -> Result<f64> {
        match self.known.get(visits as usize) {
            Some(&moved) => Ok(moved),
            None => self.tax.hazard(visits, None).map(|h| h / 2.0),
        }
    }

    pub fn rule(&self) -> &Tax {
        &self.tax
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(odds: Odds) -> Scaled {
        Scaled::new(odds.value, STEP * i64::from(odds.exponent))
    }

    #[test]
    fn odds_never_underflow() {
        let mut odds = Odds::EVEN;
        for _ in 0..100_000 {
            odds = odds.settled(0.001, 0.999);
        }
        assert_eq!(odds.share(), 0.0);
        let expected = 100_000.0 * (0.001f64 / 0.999).log2();
        assert!((scaled(odds).log2() / expected - 1.0).abs() < 1e-12);
        for _ in 0..100_000 {
            odds = odds.settled(0.999, 0.001);
        }
        assert!((odds.share() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn both_ways_of_taxing_agree() {
        for value in [1e-60, 0.3, 1.0, 5.0, 1e60] {
            for moved in [1e-30, 0.01, 0.25, 0.5] {
                let odds = Odds { value, exponent: 0 };
                let (fast, slow) = (odds.taxed(moved), odds.taxed_exactly(moved));
                assert!((scaled(fast).log2() - scaled(slow).log2()).abs() < 1e-12);
            }
        }
        let poor = Odds {
            value: 1.0,
            exponent: -3,
        };
        assert!((poor.taxed(0.25).share() - 0.25).abs() < 1e-15);
        assert_eq!(poor.taxed(0.0), poor);
        let rich = Odds {
            value: 1.0,
            exponent: 3,
        };
        assert!((scaled(rich.taxed(pow2(-900))).log2() - 900.0).abs() < 1e-9);
    }
}
