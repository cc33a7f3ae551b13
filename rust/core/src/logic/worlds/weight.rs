//! The numbers that sentences are weighted with: any that are ordered and can be added.

use crate::logic::number::Exact;
use std::cmp::Ordering;

/// An ordered additive number; all that a shortest path needs.
pub trait Weight: Clone {
    fn zero() -> Self;
    #[must_use]
    fn plus(&self, other: &Self) -> Self;
    #[must_use]
    fn negated(&self) -> Self;
    fn compare(&self, other: &Self) -> Ordering;

    /// Its sign.
    fn sign(&self) -> Ordering {
        self.compare(&Self::zero())
    }
}

impl Weight for f64 {
    fn zero() -> Self {
        0.0
    }
    fn plus(&self, other: &Self) -> Self {
        self + other
    }
    fn negated(&self) -> Self {
        -self
    }
    fn compare(&self, other: &Self) -> Ordering {
        self.partial_cmp(other).unwrap_or(Ordering::Equal)
    }
}

impl Weight for Exact {
    fn zero() -> Self {
        Self::default()
    }
    fn plus(&self, other: &Self) -> Self {
        self + other
    }
    fn negated(&self) -> Self {
        -self
    }
    fn compare(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }
}
