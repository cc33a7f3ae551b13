//! Logical induction as Python sees it.

pub mod exact;
pub mod features;
pub mod inductor;
pub mod maker;
pub mod processes;
pub mod sentences;
pub mod worlds;
