//! Trader markets: traders with a prior set by their description length bet on what comes next, the market clears to a
//! price, the outcome settles the bets. No Python in it.
//!
//! The data's way: [`rounds`] are played against the [`accounts`] by [`market`] at the price of a [`clearing`] rule, taxed
//! by [`grue`], entered into the [`ledger`]; [`checkpoint`] keeps all of it.

pub mod accounts;
pub mod checkpoint;
pub mod clearing;
pub mod error;
pub mod families;
pub mod forecasts;
pub mod grue;
pub mod lanes;
pub mod ledger;
pub mod logic;
pub mod market;
pub mod programs;
pub mod real;
pub mod rounds;
pub mod scaled;
pub mod threads;

pub use error::{MarketError, Result};
