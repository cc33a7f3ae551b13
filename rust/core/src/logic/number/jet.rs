//! Fixed-point numbers of any precision with their slope in one direction, for a search far below what floats can tell apart.
//! Rounded, with nothing said of the error; only slopes are floats.

use super::{Constant, Exact, Number};
use dashu_base::{DivEuclid, Signed};
use dashu_int::IBig;

/// `value 2^-bits` and its slope. Numbers that meet have the same `bits`. Where a feature has a kink the slope is that of one
/// side.
#[derive(Clone, Debug)]
pub struct Jet {
    value: IBig,
    bits: usize,
    slope: f64,
}

impl Jet {
    /// The number, rounded down, which does not move.
    pub fn still(value: &Exact, bits: usize) -> Self {
        Self {
            value: value.floor_at(bits),
            bits,
            slope: 0.0,
        }
    }

    /// The same number with this slope.
    pub fn set_slope(&mut self, slope: f64) {
        self.slope = slope;
    }

    pub const fn slope(&self) -> f64 {
        self.slope
    }

    /// The nearest float, or one beside it.
    pub fn float(&self) -> f64 {
        Exact::dyadic(self.value.clone(), self.bits).to_f64()
    }

    fn like(&self, value: IBig, slope: f64) -> Self {
        Self {
            value,
            bits: self.bits,
            slope,
        }
    }

    /// What this one's value makes of another's slope; most numbers do not move.
    fn drawn(&self, slope: f64) -> f64 {
        if slope == 0.0 { 0.0 } else { slope * self.float() }
    }
}

impl Number for Jet {
    type Context = usize;

    fn of(value: &Constant, bits: usize) -> Self {
        Self::still(value.exact(), bits)
    }

    fn plus(&self, other: &Self) -> Self {
        self.like(&self.value + &other.value, self.slope + other.slope)
    }

    fn minus(&self, other: &Self) -> Self {
        self.like(&self.value - &other.value, self.slope - other.slope)
    }

    fn times(&self, other: &Self) -> Self {
        let slope = other.drawn(self.slope) + self.drawn(other.slope);
        self.like((&self.value * &other.value) >> self.bits, slope)
    }

    fn most(&self, other: &Self) -> Self {
        if self.value < other.value { other } else { self }.clone()
    }

    fn least(&self, other: &Self) -> Self {
        if other.value < self.value { other } else { self }.clone()
    }

    fn safe_reciprocal(&self) -> Self {
        let one = IBig::ONE << self.bits;
        if self.value <= one {
            return self.like(one, 0.0);
        }
        let mut found = self.like((one << self.bits).div_euclid(&self.value), 0.0);
        found.slope = -found.drawn(found.drawn(self.slope));
        found
    }

    fn over(&self, other: &Self) -> Option<Self> {
        if other.value.is_negative() || other.value == IBig::ZERO {
            return None;
        }
        let mut found = self.like((&self.value << self.bits).div_euclid(&other.value), 0.0);
        found.slope = (self.slope - found.drawn(other.slope)) / other.float();
        Some(found)
    }
}
