//! Checkpoints: one safetensors file with every book, and a header in its metadata.
//!
//! A file is written under a temporary name, synced and renamed, so a path holds a whole checkpoint or the one before.
//! A BLAKE3 hash of the header and of every tensor tells a damaged file.

mod file;
mod read;
mod write;

pub(crate) use file::{FORMAT, Tensors, Whole};
pub use read::Checkpoint;

use crate::grue::Tax;
use crate::grue::stays::Levied;
use crate::market::rule::Saved as SavedRule;
use crate::market::state::Clock;
use crate::scaled::Scaled;
use serde::{Deserialize, Serialize};

/// The format of a market that clears by another rule than Kelly's, which the first readers would have taken for it.
const WITH_RULE: u32 = 2;
/// The header's name in the file.
const HEADER: &str = "gruemarket";
/// What errors call a checkpoint that is no file.
const IN_MEMORY: &str = "a market's bytes";

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    dtype: String,
    traders: usize,
    reserve_at_start: f64,
    group_count: usize,
    outcomes: usize,
    fraction: f64,
    /// Of another rule than Kelly's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<SavedRule>,
    tax: Option<Tax>,
    provenance: bool,
    definitions: bool,
    total: Scaled,
    bankruptcies: bool,
    entered: usize,
    reserve: f64,
    idle: f64,
    money: Scaled,
    clock: Clock,
    stages: Vec<u32>,
    /// The stages that have a column of provenance.
    columns: Vec<u32>,
    /// The closed stages that are yet to be worked into them.
    spans: Vec<u32>,
    /// Stage and batch of the ledger's open batch.
    open: Option<(u32, u64)>,
    levied: Option<Vec<Levied>>,
}
