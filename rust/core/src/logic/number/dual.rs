//! Floats with their slope in one direction, for Newton steps where one price moves.

use super::{Constant, Number};

/// A value and its slope. Where a feature has a kink the slope is that of one side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual {
    pub value: f64,
    pub slope: f64,
}

impl Dual {
    /// What moves.
    #[inline]
    pub const fn moving(value: f64) -> Self {
        Self { value, slope: 1.0 }
    }

    /// What does not.
    #[inline]
    pub const fn still(value: f64) -> Self {
        Self { value, slope: 0.0 }
    }
}

impl Number for Dual {
    type Context = ();

    #[inline]
    fn of(value: &Constant, (): ()) -> Self {
        Self::still(value.float())
    }

    #[inline]
    fn plus(&self, other: &Self) -> Self {
        Self {
            value: self.value + other.value,
            slope: self.slope + other.slope,
        }
    }

    #[inline]
    fn minus(&self, other: &Self) -> Self {
        Self {
            value: self.value - other.value,
            slope: self.slope - other.slope,
        }
    }

    #[inline]
    fn times(&self, other: &Self) -> Self {
        Self {
            value: self.value * other.value,
            slope: self.slope * other.value + self.value * other.slope,
        }
    }

    #[inline]
    fn most(&self, other: &Self) -> Self {
        if self.value < other.value { *other } else { *self }
    }

    #[inline]
    fn least(&self, other: &Self) -> Self {
        if other.value < self.value { *other } else { *self }
    }

    #[inline]
    fn safe_reciprocal(&self) -> Self {
        if self.value > 1.0 {
            let value = 1.0 / self.value;
            Self {
                value,
                slope: -self.slope * value * value,
            }
        } else {
            Self::still(1.0)
        }
    }

    #[inline]
    fn over(&self, other: &Self) -> Option<Self> {
        let value = self.value / other.value;
        (other.value > 0.0).then(|| Self {
            value,
            slope: (self.slope - value * other.slope) / other.value,
        })
    }
}
