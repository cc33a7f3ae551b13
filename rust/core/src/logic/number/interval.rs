//! Intervals of fixed-point numbers of any precision, rounded outward.

use super::{Constant, Exact, Number};
use dashu_base::{DivEuclid, Signed};
use dashu_int::IBig;

/// All numbers from `low 2^-bits` to `high 2^-bits`. Numbers that meet have the same `bits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    pub low: IBig,
    pub high: IBig,
    pub bits: usize,
}

/// Two exact numbers between which the truth lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enclosure {
    pub low: Exact,
    pub high: Exact,
}

impl Interval {
    /// The least interval of this precision that holds the number.
    pub fn around(value: &Exact, bits: usize) -> Self {
        Self {
            low: value.floor_at(bits),
            high: value.ceil_at(bits),
            bits,
        }
    }

    /// All from one exact number to another.
    pub fn between(low: &Exact, high: &Exact, bits: usize) -> Self {
        Self {
            low: low.floor_at(bits),
            high: high.ceil_at(bits),
            bits,
        }
    }

    fn like(&self, low: IBig, high: IBig) -> Self {
        Self {
            low,
            high,
            bits: self.bits,
        }
    }
}

/// `ceil(x 2^-bits)`
fn shift_up(x: IBig, bits: usize) -> IBig {
    -(-x >> bits)
}

/// `ceil(x / y)` for y > 0
fn divide_up(x: &IBig, y: &IBig) -> IBig {
    -(-x).div_euclid(y)
}

impl Number for Interval {
    type Context = usize;

    fn of(value: &Constant, bits: usize) -> Self {
        Self::around(value.exact(), bits)
    }

    fn plus(&self, other: &Self) -> Self {
        self.like(&self.low + &other.low, &self.high + &other.high)
    }

    fn minus(&self, other: &Self) -> Self {
        self.like(&self.low - &other.high, &self.high - &other.low)
    }

    fn times(&self, other: &Self) -> Self {
        if !self.low.is_negative() && !other.low.is_negative() {
            let high = shift_up(&self.high * &other.high, self.bits);
            return self.like((&self.low * &other.low) >> self.bits, high);
        }
        let corners = [
            &self.low * &other.low,
            &self.low * &other.high,
            &self.high * &other.low,
            &self.high * &other.high,
        ];
        let low = corners.iter().min().cloned().unwrap_or_default() >> self.bits;
        let high = corners.into_iter().max().unwrap_or_default();
        self.like(low, shift_up(high, self.bits))
    }

    fn most(&self, other: &Self) -> Self {
        self.like(
            (&self.low).max(&other.low).clone(),
            (&self.high).max(&other.high).clone(),
        )
    }

    fn least(&self, other: &Self) -> Self {
        self.like(
            (&self.low).min(&other.low).clone(),
            (&self.high).min(&other.high).clone(),
        )
    }

    fn safe_reciprocal(&self) -> Self {
        let one = IBig::ONE << self.bits;
        if self.high <= one {
            return self.like(one.clone(), one);
        }
        let square = IBig::ONE << (2 * self.bits);
        let low = (&square).div_euclid(&self.high);
        let high = if self.low <= one {
            one
        } else {
            divide_up(&square, &self.low)
        };
        self.like(low, high)
    }

    fn over(&self, other: &Self) -> Option<Self> {
        let zero = IBig::ZERO;
        if other.low <= zero {
            return None;
        }
        let below = if self.low < zero { &other.low } else { &other.high };
        let above = if self.high < zero { &other.high } else { &other.low };
        let low = (&self.low << self.bits).div_euclid(below);
        Some(self.like(low, divide_up(&(&self.high << self.bits), above)))
    }
}

impl From<Interval> for Enclosure {
    fn from(interval: Interval) -> Self {
        Self {
            low: Exact::dyadic(interval.low, interval.bits),
            high: Exact::dyadic(interval.high, interval.bits),
        }
    }
}

impl From<Exact> for Enclosure {
    fn from(value: Exact) -> Self {
        Self {
            low: value.clone(),
            high: value,
        }
    }
}

impl Enclosure {
    /// From floats around the truth; None where they are not finite.
    pub fn of_span(span: super::Span) -> Option<Self> {
        Some(Self {
            low: Exact::of_float(span.low)?,
            high: Exact::of_float(span.high)?,
        })
    }

    /// -1 or 1 where the sign is certain, 0 where it may be 0.
    pub fn sign(&self) -> i8 {
        let certain = self.low.sign() == self.high.sign();
        if certain { self.low.sign() } else { 0 }
    }

    /// Halfway.
    pub fn middle(&self) -> Exact {
        &(&self.low + &self.high) * &Exact::two_to_minus(1)
    }
}
