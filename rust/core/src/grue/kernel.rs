//! Kernels: into what a trader may redefine itself, and at which price in bits.

use crate::error::{MarketError, Result};
use serde::{Deserialize, Serialize};

/// `rho(j|i) = 2^-L(j|i)`: the share of i's redefined money that goes to j.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Kernel {
    /// `rho_j = 2^-bits_j`, whoever pays.
    Anything,
    /// `rho_j = 2^-bits_j` over the sum of j's group, for payers of that group.
    WithinGroups,
    /// Any kernel, by its rows.
    Rows(Rows),
}

impl Kernel {
    /// Bytes of its rows.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let Self::Rows(rows) = self else { return 0 };
        size_of_val(&rows.starts[..]) + size_of_val(&rows.targets[..]) + size_of_val(&rows.shares[..])
    }
}

/// A sparse kernel: row i lists the targets of trader i and their shares.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Rows {
    starts: Vec<usize>,
    targets: Vec<u32>,
    shares: Vec<f64>,
}

impl Rows {
    pub fn new(starts: &[i64], targets: &[i64], shares: &[f64], traders: usize) -> Result<Self> {
        let fault = |message: String| Err(MarketError::input(format!("kernel: {message}")));
        if starts.len() != traders + 1 || starts[0] != 0 || starts.windows(2).any(|w| w[1] < w[0]) {
            return fault(format!("indptr must rise from 0 and have {} entries", traders + 1));
        }
        if targets.len() != shares.len() || starts[traders] != targets.len() as i64 {
            return fault(format!(
                "indptr ends at {}, with {} targets and {} shares",
                starts[traders],
                targets.len(),
                shares.len()
            ));
        }
        if let Some(&k) = targets.iter().find(|k| !(0..traders as i64).contains(k)) {
            return fault(format!("target {k} is not a trader (0..{})", traders - 1));
        }
        if let Some(&x) = shares.iter().find(|x| !(x.is_finite() && **x >= 0.0)) {
            return fault(format!("share {x} is not a finite number >= 0"));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rows = Self {
            starts: starts.iter().map(|&s| s as usize).collect(),
            targets: targets.iter().map(|&k| k as u32).collect(),
            shares: shares.to_vec(),
        };
        for i in 0..traders {
            let sum: f64 = rows.row(i).map(|(_, share)| share).sum();
            if sum > 1.0 + 1e-9 {
                return fault(format!(
                    "row {i} sums to {sum}, more than 1; its shares are 2^-bits of a code"
                ));
            }
        }
        Ok(rows)
    }

    /// Adds empty rows.
    pub fn grow(&mut self, traders: usize) {
        self.starts.resize(traders + 1, self.targets.len());
    }

    #[must_use]
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    #[must_use]
    pub fn targets(&self) -> &[u32] {
        &self.targets
    }

    #[must_use]
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    pub fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[i]..self.starts[i + 1];
        self.targets[range.clone()]
            .iter()
            .map(|&k| k as usize)
            .zip(self.shares[range].iter().copied())
    }
}
