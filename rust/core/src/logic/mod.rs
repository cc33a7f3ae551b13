//! Logical induction (Garrabrant et al. 2016, arXiv 1609.03543): sentences, what is known of them, traders written as
//! features of prices, and the prices at which none of them gains. No Python in it.

mod account;
pub mod audit;
pub mod feature;
pub mod firm;
pub mod inductor;
mod lex;
pub mod maker;
pub mod number;
pub mod outlook;
mod parse;
mod print;
pub mod process;
pub mod sentence;
pub mod stakes;
pub mod worlds;

pub use sentence::{Sentence, SentenceId, Sentences};
pub use worlds::Worlds;
