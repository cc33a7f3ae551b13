//! A nonnegative number with an exponent of its own: money that may be smaller than any float.

use crate::real::pow2;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::ops::{Add, Div, Mul};

/// `mantissa * 2^exponent`, with the mantissa in [1, 2) or 0. The arithmetic of everything that is not a tile's fast path.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Scaled {
    pub mantissa: f64,
    pub exponent: i64,
}

impl Scaled {
    pub const ZERO: Self = Self {
        mantissa: 0.0,
        exponent: 0,
    };
    pub const ONE: Self = Self {
        mantissa: 1.0,
        exponent: 0,
    };

    /// `value * 2^exponent` for a finite `value >= 0`.
    #[must_use]
    pub fn new(value: f64, exponent: i64) -> Self {
        if value == 0.0 {
            return Self::ZERO;
        }
        let biased = (value.to_bits() >> 52) as i64;
        if biased == 0 {
            return Self::new(value * pow2(64), exponent - 64);
        }
        let own = biased - 1023;
        Self {
            mantissa: value * pow2(-own),
            exponent: exponent + own,
        }
    }

    /// `2^-bits`: the prior share of a trader described in `bits` bits.
    #[must_use]
    pub fn from_bits(bits: f64) -> Self {
        let whole = bits.floor();
        #[allow(clippy::cast_possible_truncation)]
        Self::new((whole - bits).exp2(), -(whole as i64))
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.mantissa == 0.0
    }

    /// The number in units of `2^exponent`: 0 or infinite where a float cannot hold it.
    #[must_use]
    pub fn in_units_of(self, exponent: i64) -> f64 {
        let k = self.exponent - exponent;
        match k {
            -1022..=1023 => self.mantissa * pow2(k),
            ..-1022 => self.mantissa * pow2(k + 60) * pow2(-60),
            _ if self.is_zero() => 0.0,
            _ => f64::INFINITY,
        }
    }

    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.in_units_of(0)
    }

    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn log2(self) -> f64 {
        self.mantissa.log2() + self.exponent as f64
    }

    /// The sum in the order given, so that it has the same bits whoever computed the terms.
    #[must_use]
    pub fn sum(terms: impl Iterator<Item = Self> + Clone) -> Self {
        let mut alone = terms.clone();
        if let (Some(term), None) = (alone.next(), alone.next()) {
            return term;
        }
        let top = terms.clone().filter(|x| !x.is_zero()).map(|x| x.exponent).max();
        top.map_or(Self::ZERO, |top| {
            Self::new(terms.map(|x| x.in_units_of(top)).sum(), top)
        })
    }
}

impl Add for Scaled {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        if self.is_zero() {
            return other;
        }
        if other.is_zero() {
            return self;
        }
        let top = self.exponent.max(other.exponent);
        Self::new(self.in_units_of(top) + other.in_units_of(top), top)
    }
}

impl Mul for Scaled {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self::new(self.mantissa * other.mantissa, self.exponent + other.exponent)
    }
}

impl Mul<f64> for Scaled {
    type Output = Self;
    fn mul(self, other: f64) -> Self {
        self * Self::new(other, 0)
    }
}

impl Div for Scaled {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        Self::new(self.mantissa / other.mantissa, self.exponent - other.exponent)
    }
}

impl PartialOrd for Scaled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Less),
            (false, true) => Some(Ordering::Greater),
            _ => (self.exponent, self.mantissa).partial_cmp(&(other.exponent, other.mantissa)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_a_float_cannot() {
        let tiny = Scaled::from_bits(3_000_000.25);
        assert!((tiny.log2() + 3_000_000.25).abs() < 1e-9);
        assert_eq!((tiny / tiny).to_f64(), 1.0);
        assert_eq!(tiny.to_f64(), 0.0);
        assert_eq!((tiny * 0.5).log2(), tiny.log2() - 1.0);
    }

    #[test]
    fn agrees_with_floats_where_they_reach() {
        for &(a, b) in &[(0.3, 0.4), (1e-300, 1e-10), (5e-324, 1.0), (1e300, 1e-300), (0.0, 2.0)] {
            let (x, y) = (Scaled::new(a, 0), Scaled::new(b, 0));
            assert_eq!((x + y).to_f64(), a + b);
            assert_eq!(x.to_f64(), a);
            assert_eq!(x.partial_cmp(&y), a.partial_cmp(&b));
        }
        assert_eq!(
            Scaled::sum([0.1, 0.2, 0.0].iter().map(|&x| Scaled::new(x, 0))).to_f64(),
            0.1 + 0.2
        );
    }
}
