//! Expressible features: what a trader may make of prices (Garrabrant et al. 2016, definition 3.4.3). Rationals, prices, sums,
//! products, the greater and the lesser of two, and `1 / max(1, x)`, so that every feature is continuous.

mod arena;
mod program;
mod slopes;

pub use arena::{FeatureId, Features, Leaf, Node, When};
pub use program::{Program, Source};
pub use slopes::Sweeps;

#[cfg(test)]
mod tests;
