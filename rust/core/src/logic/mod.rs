//! Logical induction (Garrabrant et al. 2016, arXiv 1609.03543): sentences, what is known of them, traders written as
//! features of prices, and the prices at which none of them gains. No Python in it.

pub mod feature;
pub mod maker;
pub mod number;
pub mod sentence;
