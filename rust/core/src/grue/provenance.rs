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

/// A closed stage: the share of each trader's money that kept its definition through it.
pub type Span = Column;

/// What has been redefined before the present stage.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    /// The stages that have begun, each once, in order.
    stages: Vec<u32>,
    /// The columns before the oldest span; none means that everything was `NEVER` then.
    columns: Vec<Column>,
    /// The stages closed since, oldest first, each stage once.
    spans: Vec<Span>,
}

impl Provenance {
    #[must_use]
    pub fn from_parts(stages: Vec<u32>, columns: Vec<Column>, spans: Vec<Span>) -> Self {
        Self { stages, columns, spans }
    }

    /// Begins `stage`, or goes on with it.
    pub fn open_stage(&mut self, stage: u32) {
        if !self.stages.contains(&stage) {
            self.stages.push(stage);
        }
    }

    /// Closes `stage`: `stayed[j]` of trader j's money kept its definition through it.
    pub fn close_stage(&mut self, stage: u32, stayed: Vec<f64>) {
        if self.spans.iter().any(|span| span.stage == stage) {
            // a stage that comes back must not take memory anew each time
            self.fold();
        }
        self.spans.push(Span {
            stage,
            shares: Arc::new(stayed),
        });
    }

    /// Works the spans into the columns.
    fn fold(&mut self) {
        for span in std::mem::take(&mut self.spans) {
            let n = span.shares.len();
            for (known, share) in [(NEVER, 1.0), (span.stage, 0.0)] {
                if !self.columns.iter().any(|c| c.stage == known) {
                    self.columns.push(Column {
                        stage: known,
                        shares: Arc::new(vec![share; n]),
                    });
                }
            }
            for column in &mut self.columns {
                let own = if column.stage == span.stage { 1.0 } else { 0.0 };
                for (share, stay) in Arc::make_mut(&mut column.shares).iter_mut().zip(&*span.shares) {
                    *share = *share * stay + own * (1.0 - stay);
                }
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

    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Each trader's shares by stage, were the present one to close now: "never", then the stages in order.
    #[must_use]
    pub fn shares(&self, present: u32, stayed: Vec<f64>) -> Vec<(u32, Vec<f64>)> {
        let n = stayed.len();
        let mut now = self.clone();
        now.close_stage(present, stayed);
        now.fold();
        let find = |stage: u32| now.columns.iter().find(|c| c.stage == stage).map(|c| c.shares.to_vec());
        let all = std::iter::once(NEVER).chain(self.stages.iter().copied());
        all.map(|stage| (stage, find(stage).unwrap_or_else(|| vec![0.0; n])))
            .collect()
    }
}
