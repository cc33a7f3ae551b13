//! The two accounts inside a node: "stop here", which bets the node's own belief, against "descend", which bets the
//! price of the subtree below.

use crate::error::{MarketError, Result};
use crate::grue::kernel::Kernel;
use crate::grue::{Tax, Unit};
use crate::real::pow2;
use crate::scaled::Scaled;
use std::f64::consts::LN_2;

/// The odds of "stop here": its wealth over that of "descend", `value * 2^(512 exponent)`, the value in `[2^-256, 2^256]`.
///
/// Ratios keep both accounts to 53 bits however poor one of them is, and never underflow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odds {
    pub value: f64,
    pub exponent: i32,
}

const STEP: i64 = 512;

/// The shares that the two accounts of a node start with: `2^-bits` of what the code of trees says of a node.
#[derive(Clone, Copy, Debug)]
pub struct Prior {
    pub leaf_bits: f64,
    stop: f64,
    descend: f64,
}

impl Prior {
    /// A node above the full depth is described in so many bits if it is a leaf, else in `-log2(1 - 2^-leaf_bits)`.
    pub fn new(leaf_bits: f64) -> Result<Self> {
        if !(1e-6..=64.0).contains(&leaf_bits) {
            return Err(MarketError::input(format!(
                "leaf_bits {leaf_bits}; give 0.000001 to 64, 1 for one bit a node"
            )));
        }
        let (stop, descend) = ((-leaf_bits).exp2(), -(-leaf_bits * LN_2).exp_m1());
        Ok(Self {
            leaf_bits,
            stop,
            descend,
        })
    }

    pub fn odds(self) -> Odds {
        Odds {
            value: self.stop / self.descend,
            exponent: 0,
        }
    }
}

impl Odds {
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

    /// The odds after a tax by the kernel "anything", which turns the hazard times the other's prior of each account into
    /// the other: `w_i <- w_i - h w_i rho_j + h w_j rho_i`. The prior's own odds stay.
    #[inline(always)]
    #[must_use]
    pub fn taxed(self, hazard: f64, prior: Prior) -> Self {
        if self.exponent != 0 || hazard < pow2(-STEP / 4) {
            return self.taxed_exactly(hazard, prior);
        }
        let (to_stop, to_descend, r) = (hazard * prior.stop, hazard * prior.descend, self.value);
        Self {
            value: ((1.0 - to_descend) * r + to_stop) / ((1.0 - to_stop) + to_descend * r),
            exponent: 0,
        }
    }

    /// The same where one account is too poor for floats, or the tax too small.
    #[cold]
    fn taxed_exactly(self, hazard: f64, prior: Prior) -> Self {
        let r = Scaled::new(self.value, STEP * i64::from(self.exponent));
        let (to_stop, to_descend) = (hazard * prior.stop, hazard * prior.descend);
        let [stop, descend] = [
            (to_descend, r, to_stop, Scaled::ONE),
            (to_stop, Scaled::ONE, to_descend, r),
        ]
        .map(|(pays, own, gets, other)| own * (1.0 - pays) + other * gets);
        Self::from_scaled(stop / descend)
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
#[derive(Clone, Debug)]
pub struct NodeTax {
    tax: Tax,
    /// The first hazards, worked out once.
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
        let known = (0..KNOWN).map_while(|t| tax.hazard(t, None).ok()).collect();
        Ok(Self { tax, known })
    }

    /// The hazard before the visit that so many came before.
    #[inline(always)]
    pub fn hazard(&self, visits: u64) -> Result<f64> {
        match self.known.get(visits as usize) {
            Some(&hazard) => Ok(hazard),
            None => self.tax.hazard(visits, None),
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

    const EVEN: Odds = Odds {
        value: 1.0,
        exponent: 0,
    };

    #[test]
    fn odds_never_underflow() {
        let mut odds = EVEN;
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
        for leaf_bits in [1e-3, 1.0, 4.0, 60.0] {
            let prior = Prior::new(leaf_bits).unwrap();
            let home = prior.odds();
            assert!((home.taxed(0.3, prior).value / home.value - 1.0).abs() < 1e-12);
            for value in [1e-60, 0.3, 1.0, 5.0, 1e60] {
                for hazard in [1e-30, 0.01, 0.5, 1.0] {
                    let odds = Odds { value, exponent: 0 };
                    let (fast, slow) = (odds.taxed(hazard, prior), odds.taxed_exactly(hazard, prior));
                    assert!((scaled(fast).log2() - scaled(slow).log2()).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn a_tax_feeds_the_poorest() {
        let prior = Prior::new(1.0).unwrap();
        let [poor, rich] = [-3, 3].map(|exponent| Odds { value: 1.0, exponent });
        assert!((poor.taxed(0.5, prior).share() - 0.25).abs() < 1e-15);
        assert_eq!(poor.taxed(0.0, prior), poor);
        assert!((scaled(rich.taxed(pow2(-900), prior)).log2() - 901.0).abs() < 1e-9);
    }
}
