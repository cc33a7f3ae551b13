//! Accounts: who holds how much money, and what they started with.

pub mod book;
pub mod calendar;
pub mod entered;
pub mod groups;
pub mod narrow;
pub mod prior;
pub mod tile;
