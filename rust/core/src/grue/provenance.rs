//! Provenance: in which stage each trader's money last changed its definition.

use std::sync::Arc;

/// The money that has never changed its definition.
pub const NEVER: u32 = u32::MAX;

/// Of the money that stood unredefined since the present stage began, the share whose last change fell in `stage`.
/// Settlements and later taxes scale all columns of a trader alike, so the shares stand until the next stage begins.
#[derive(Clone, Debug)]
pub struct Column {
    pub stage: u32,
    pub shares: Arc<Vec<f64>>,
}

/// The columns at the present stage's start; none means that everything is `NEVER`.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    columns: Vec<Column>,
}

impl Provenance {
    /// Closes `stage`: `stayed[j]` of trader j's money kept its definition through it.
    pub fn close_stage(&mut self, stage: u32, stayed: &[f64]) {
        if self.columns.is_empty() {
            self.columns.push(Column { stage: NEVER, shares: Arc::new(vec![1.0; stayed.len()]) });
        }
        if !self.columns.iter().any(|c| c.stage == stage) {
            self.columns.push(Column { stage, shares: Arc::new(vec![0.0; stayed.len()]) });
        }
        for column in &mut self.columns {
            let own = if column.stage == stage { 1.0 } else { 0.0 };
            for (share, stay) in Arc::make_mut(&mut column.shares).iter_mut().zip(stayed) {
                *share = *share * stay + own * (1.0 - stay);
            }
        }
    }

    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    #[must_use]
    pub fn from_columns(columns: Vec<Column>) -> Self {
        Self { columns }
    }
}
