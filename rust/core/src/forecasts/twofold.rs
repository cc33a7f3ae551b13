//! Sums that lose nothing to speak of when most of what was added is taken away again.

use crate::real::pow2;
use crate::scaled::Scaled;

/// A sum and what it has lost to rounding (Knuth's two-sum; Dekker 1971): about 106 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Twofold {
    sum: f64,
    lost: f64,
}

impl Twofold {
    pub const ZERO: Self = Self { sum: 0.0, lost: 0.0 };

    #[inline]
    pub fn add(&mut self, x: f64) {
        let sum = self.sum + x;
        let part = sum - self.sum;
        let lost = self.lost + ((self.sum - (sum - part)) + (x - part));
        self.sum = sum + lost;
        self.lost = lost - (self.sum - sum);
    }

    /// The sum, of which the terms that were taken away must have been part: never below 0.
    #[inline]
    #[must_use]
    pub fn value(self) -> f64 {
        self.sum.max(0.0)
    }

    #[must_use]
    pub fn times(self, power_of_two: f64) -> Self {
        Self {
            sum: self.sum * power_of_two,
            lost: self.lost * power_of_two,
        }
    }
}

/// A [`Twofold`] of money on any scale, in units of `2^exponent`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    inner: Twofold,
    exponent: i64,
    /// The largest that it has been, in the same units.
    peak: f64,
}

/// How far a term's exponent may lie above the total's before the unit is changed.
const ROOM: i64 = 400;

impl Total {
    pub fn add(&mut self, term: Scaled) {
        self.put(term, 1.0);
    }

    pub fn take(&mut self, term: Scaled) {
        self.put(term, -1.0);
    }

    fn put(&mut self, term: Scaled, sign: f64) {
        if term.is_zero() {
            return;
        }
        if self.peak == 0.0 {
            self.exponent = term.exponent;
        }
        let above = term.exponent - self.exponent;
        if above > ROOM {
            self.inner = self.inner.times(pow2(-above));
            self.peak *= pow2(-above);
            self.exponent = term.exponent;
        }
        self.inner.add(sign * term.in_units_of(self.exponent));
        self.peak = self.peak.max(self.inner.value());
    }

    #[must_use]
    pub fn value(&self) -> Scaled {
        Scaled::new(self.inner.value(), self.exponent)
    }

    /// Whether so much was taken away that what is left may be what the terms themselves lost to rounding.
    #[must_use]
    pub fn is_remnant(&self) -> bool {
        self.inner.value() < self.peak * pow2(-20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_was_small() {
        let mut sum = Twofold::ZERO;
        for x in [1.0, 1e-20, 0.3, -0.3, -1.0] {
            sum.add(x);
        }
        assert!((sum.value() - 1e-20).abs() < 1e-31);
    }

    #[test]
    fn totals_change_their_unit() {
        let mut total = Total::default();
        let tiny = Scaled {
            mantissa: 1.5,
            exponent: -5000,
        };
        total.add(tiny);
        assert_eq!(total.value(), tiny);
        total.add(Scaled::ONE);
        assert_eq!(total.value(), Scaled::ONE);
        assert!(!total.is_remnant());
        total.take(Scaled::ONE);
        assert!(total.is_remnant());
    }
}
