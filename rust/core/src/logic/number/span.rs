//! Intervals of floats, rounded outward: a sound answer at nearly the cost of floats, where the tolerance allows.

use super::{Constant, Number};

/// All numbers from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    pub low: f64,
    pub high: f64,
}

impl Span {
    /// One float.
    #[inline]
    pub const fn point(value: f64) -> Self {
        Self {
            low: value,
            high: value,
        }
    }

    /// The numbers about which nothing is known.
    pub const ALL: Self = Self {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
    };

    /// The greatest absolute value.
    #[inline]
    pub fn size(self) -> f64 {
        self.high.max(-self.low)
    }

    /// Rounded outward from results that were rounded to nearest; what is not a number says nothing.
    #[inline]
    fn outward(low: f64, high: f64) -> Self {
        if low.is_nan() || high.is_nan() {
            return Self::ALL;
        }
        Self {
            low: low.next_down(),
            high: high.next_up(),
        }
    }
}

impl Number for Span {
    type Context = ();

    #[inline]
    fn of(value: &Constant, (): ()) -> Self {
        value.span()
    }

    #[inline]
    fn plus(&self, other: &Self) -> Self {
        Self::outward(self.low + other.low, self.high + other.high)
    }

    #[inline]
    fn minus(&self, other: &Self) -> Self {
        Self::outward(self.low - other.high, self.high - other.low)
    }

    #[inline]
    fn times(&self, other: &Self) -> Self {
        let corners = [
            self.low * other.low,
            self.low * other.high,
            self.high * other.low,
            self.high * other.high,
        ];
        if corners.iter().any(|x| x.is_nan()) {
            return Self::ALL;
        }
        let [a, b, c, d] = corners;
        Self::outward(a.min(b).min(c.min(d)), a.max(b).max(c.max(d)))
    }

    #[inline]
    fn most(&self, other: &Self) -> Self {
        Self {
            low: self.low.max(other.low),
            high: self.high.max(other.high),
        }
    }

    #[inline]
    fn least(&self, other: &Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.min(other.high),
        }
    }

    #[inline]
    fn safe_reciprocal(&self) -> Self {
        Self::outward(1.0 / self.high.max(1.0), 1.0 / self.low.max(1.0)).least(&Self::point(1.0))
    }

    #[inline]
    fn over(&self, other: &Self) -> Option<Self> {
        if other.low.is_nan() || other.low <= 0.0 {
            return None;
        }
        let low = self.low / if self.low < 0.0 { other.low } else { other.high };
        let high = self.high / if self.high < 0.0 { other.high } else { other.low };
        Some(Self::outward(low, high))
    }
}
