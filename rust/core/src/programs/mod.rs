//! Programs of small universal machines: run, sampled, enumerated by length, and grouped by what they print.
//!
//! The machines print symbols `0..alphabet` and share the tokens `+ - > < [ ] .`; with two symbols `-` does what `+` does
//! and is left out. [`enumerate`] weighs programs by a prior from length, time and memory (Solomonoff 1964; Grau-Moya et
//! al. 2024, arXiv 2401.14953), and [`behaviours`] keeps the account of that mass.

pub mod behaviours;
pub mod bodies;
pub mod brainfuck;
pub mod brainphoque;
pub mod effects;
pub mod enumerate;
pub mod futures;
pub mod hash;
pub mod lazy;
pub mod loose;
pub mod plain;
pub mod prior;
pub mod readers;
pub mod run;
pub mod sample;
pub mod tape;
pub mod token;
pub mod turing;
pub mod words;

pub use run::{Event, Limits, Machine, Run, Status, run};
pub use token::Token;
