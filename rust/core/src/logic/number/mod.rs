//! Numbers for what must be right: exact ones, sound intervals in floats and of any precision, and floats for a search that is
//! checked afterwards. One trait, so that a formula is written once.

mod constant;
mod dual;
mod exact;
mod interval;
mod jet;
mod span;

pub use constant::Constant;
pub use dual::Dual;
pub use exact::Exact;
pub use interval::{Enclosure, Interval};
pub use jet::Jet;
pub use span::Span;

/// A kind of number in which features are worked out.
pub trait Number: Clone + std::fmt::Debug {
    /// What is needed beside the value to make one: the precision, or nothing.
    type Context: Copy;

    /// The number that holds this one.
    fn of(value: &Constant, context: Self::Context) -> Self;
    #[must_use]
    fn plus(&self, other: &Self) -> Self;
    #[must_use]
    fn minus(&self, other: &Self) -> Self;
    #[must_use]
    fn times(&self, other: &Self) -> Self;
    /// The greater of two.
    #[must_use]
    fn most(&self, other: &Self) -> Self;
    /// The lesser of two.
    #[must_use]
    fn least(&self, other: &Self) -> Self;
    /// `1 / max(1, x)`
    #[must_use]
    fn safe_reciprocal(&self) -> Self;
    /// `x / y`; None where y is not certainly above 0.
    #[must_use]
    fn over(&self, other: &Self) -> Option<Self>;
}

/// For a search: rounded, with nothing said of the error.
impl Number for f64 {
    type Context = ();

    #[inline]
    fn of(value: &Constant, (): ()) -> Self {
        value.float()
    }

    #[inline]
    fn plus(&self, other: &Self) -> Self {
        self + other
    }

    #[inline]
    fn minus(&self, other: &Self) -> Self {
        self - other
    }

    #[inline]
    fn times(&self, other: &Self) -> Self {
        self * other
    }

    #[inline]
    fn most(&self, other: &Self) -> Self {
        if self < other { *other } else { *self }
    }

    #[inline]
    fn least(&self, other: &Self) -> Self {
        if other < self { *other } else { *self }
    }

    #[inline]
    fn safe_reciprocal(&self) -> Self {
        if *self > 1.0 { 1.0 / self } else { 1.0 }
    }

    #[inline]
    fn over(&self, other: &Self) -> Option<Self> {
        (*other > 0.0).then(|| self / other)
    }
}

#[cfg(test)]
mod tests;
