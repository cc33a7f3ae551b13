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

/// The columns at the present stage's start; none while nothing has been redefined before it.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    /// The stages that have begun, each once, in order.
    stages: Vec<u32>,
    columns: Vec<Column>,
}

impl Provenance {
    #[must_use]
    pub fn from_parts(stages: Vec<u32>, columns: Vec<Column>) -> Self {
        Self { stages, columns }
    }

    /// Begins `stage`, or goes on with it.
    pub fn open_stage(&mut self, stage: u32) {
        if !self.stages.contains(&stage) {
            self.stages.push(stage);
        }
    }

    /// Closes `stage`: `stayed[j]` of trader j's money kept its definition through it.
    pub fn close_stage(&mut self, stage: u32, stayed: &[f64]) {
        for (known, share) in [(NEVER, 1.0), (stage, 0.0)] {
            if !self.columns.iter().any(|c| c.stage == known) {
                self.columns.push(Column {
                    stage: known,
                    shares: Arc::new(vec![share; stayed.len()]),
                });
            }
        }
        for column in &mut self.columns {
            let own = if column.stage == stage { 1.0 } else { 0.0 };
            for (share, stay) in Arc::make_mut(&mut column.shares).iter_mut().zip(stayed) {
                *share = *share * stay + own * (1.0 - stay);
            }
        }
    }

    #[must_use]
    pub fn stages(&self) -> &[u32] {
        &self.stages
    }

    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Each trader's shares by stage, were the present one to close now: "never", then the stages in order.
    #[must_use]
    pub fn shares(&self, present: u32, stayed: &[f64]) -> Vec<(u32, Vec<f64>)> {
        let mut now = self.clone();
        now.close_stage(present, stayed);
        let find = |stage: u32| now.columns.iter().find(|c| c.stage == stage).map(|c| c.shares.to_vec());
        let all = std::iter::once(NEVER).chain(self.stages.iter().copied());
        all.map(|stage| (stage, find(stage).unwrap_or_else(|| vec![0.0; stayed.len()])))
            .collect()
    }
}
