//! The Grue tax: what traders pay for redefining themselves, and where the redefined money goes.

pub mod definitions;
pub mod kernel;
pub mod levy;
pub mod provenance;
pub mod schedule;
pub mod stays;

use crate::error::Result;
use kernel::{Kernel, Rows};
use schedule::Schedule;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the schedule's index counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    Round,
    Episode,
    Batch,
    Stage,
}

/// The rule of a market's tax.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tax {
    pub schedule: Schedule,
    pub kernel: Kernel,
    pub unit: Unit,
    /// Index -> bits: replaces the hazard there by 2^-bits.
    pub landmarks: BTreeMap<u64, f64>,
    /// Stage name -> bits: the same at the first levy of a stage of that name.
    pub stage_landmarks: BTreeMap<String, f64>,
}

impl Tax {
    /// The tax as a checkpoint's header keeps it: a kernel's rows stand elsewhere.
    #[must_use]
    pub fn without_rows(&self) -> Self {
        let kernel = match &self.kernel {
            Kernel::Rows(_) => Kernel::Rows(Rows::default()),
            other => other.clone(),
        };
        Self { kernel, ..self.clone() }
    }

    /// The same tax for more traders: nothing leads from or to the new ones by a kernel's rows.
    #[must_use]
    pub fn grown(&self, traders: usize) -> Self {
        let mut tax = self.clone();
        if let Kernel::Rows(rows) = &mut tax.kernel {
            rows.grow(traders);
        }
        tax
    }

    /// The hazard before index t; `landmark` holds the bits of a stage that starts there.
    pub fn hazard(&self, t: u64, landmark: Option<f64>) -> Result<f64> {
        if t == 0 {
            return Ok(0.0);
        }
        match self.landmarks.get(&t).copied().or(landmark) {
            Some(bits) => Ok((-bits).exp2()),
            None => self.schedule.at(t),
        }
    }
}
