//! The ledger: every transfer by cause, double entry, by group and batch.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Settlement,
    TaxPaid,
    TaxReceived,
    Entry,
    Reinforcement,
}

impl Cause {
    /// The cause whose `as u32` is `number`.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Settlement,
            1 => Self::TaxPaid,
            2 => Self::TaxReceived,
            3 => Self::Entry,
            _ => Self::Reinforcement,
        }
    }
}

/// Money that moved between a group and the counterparty of its cause, as a share of all money.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    pub stage: u32,
    pub batch: u64,
    pub cause: Cause,
    pub group: u32,
    /// Settlements and reinforcements: what the group won (negative: lost). Else the amount that moved, >= 0.
    pub amount: f64,
}

/// What has moved in the batch that is open.
#[derive(Clone, Debug, Default)]
pub struct Open {
    pub stage: u32,
    pub batch: u64,
    /// Each group's wealth when the batch began.
    pub wealth: Vec<f64>,
    pub paid: Vec<f64>,
    pub received: Vec<f64>,
    pub entered: Vec<f64>,
    pub reinforced: Vec<f64>,
}

impl Open {
    #[must_use]
    pub fn new(stage: u32, batch: u64, wealth: Vec<f64>) -> Self {
        let zero = vec![0.0; wealth.len()];
        Self {
            stage,
            batch,
            wealth,
            paid: zero.clone(),
            received: zero.clone(),
            entered: zero.clone(),
            reinforced: zero,
        }
    }

    /// Makes room for new groups, which own nothing yet.
    pub fn grow(&mut self, groups: usize) {
        for column in [
            &mut self.wealth,
            &mut self.paid,
            &mut self.received,
            &mut self.entered,
            &mut self.reinforced,
        ] {
            column.resize(groups, 0.0);
        }
    }

    /// The entries of the batch, given the groups' wealth now. What nothing else explains was won or lost.
    pub fn entries(&self, wealth: &[f64]) -> Vec<Entry> {
        let mut entries = Vec::new();
        for g in 0..wealth.len() {
            let explained = self.received[g] - self.paid[g] + self.entered[g] + self.reinforced[g];
            let won = wealth[g] - self.wealth[g] - explained;
            // a lone group's settlement is rounding alone: the market's other side is the group itself
            let won = if wealth.len() == 1 { 0.0 } else { won };
            let rows = [
                (Cause::Entry, self.entered[g]),
                (Cause::TaxPaid, self.paid[g]),
                (Cause::TaxReceived, self.received[g]),
                (Cause::Settlement, won),
                (Cause::Reinforcement, self.reinforced[g]),
            ];
            #[allow(clippy::cast_possible_truncation)]
            entries.extend(rows.into_iter().filter(|r| r.1 != 0.0).map(|(cause, amount)| Entry {
                stage: self.stage,
                batch: self.batch,
                cause,
                group: g as u32,
                amount,
            }));
        }
        entries
    }
}
