//! An exact number with its floats at hand.

use super::{Exact, Span};

/// A constant of a program: its value, and the floats that it is read as in every evaluation.
#[derive(Clone, Debug)]
pub struct Constant {
    exact: Exact,
    float: f64,
    span: Span,
}

impl Constant {
    pub fn exact(&self) -> &Exact {
        &self.exact
    }

    /// The nearest float, or one beside it.
    #[inline]
    pub fn float(&self) -> f64 {
        self.float
    }

    /// Floats around it.
    #[inline]
    pub fn span(&self) -> Span {
        self.span
    }
}

impl From<Exact> for Constant {
    fn from(exact: Exact) -> Self {
        Self {
            float: exact.to_f64(),
            span: exact.span(),
            exact,
        }
    }
}

impl From<f64> for Constant {
    /// A float is exactly itself; one that is not finite counts as 0, which no caller gives.
    fn from(float: f64) -> Self {
        let exact = Exact::of_float(float).unwrap_or_default();
        Self {
            span: Span::point(exact.to_f64()),
            float: exact.to_f64(),
            exact,
        }
    }
}
