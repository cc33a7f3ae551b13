//! Sparse rounds with a rank-one tax: a levy is one affine map for all, so it is noted once and applied to whom it concerns.
//!
//! Through levies at hazards h of a kernel rho that sums to R, money W, a trader's wealth goes to `w* + a (w - w*)` with
//! `w* = rho W / R` and `a = prod (1 - h R)` (design 2.4). Reading computes and never writes, so it does not change the bits.

use crate::accounts::book::TILE;
use crate::accounts::narrow::Narrow;
use crate::grue::stays::{Levied, Stays};
use crate::market::state::{Accounts, Roster};
use crate::real::Real;
use crate::scaled::Scaled;
use std::sync::Arc;

/// Up to this many levies are applied one by one.
const FEW: usize = 16;

/// The levies since the last round that touched everybody.
#[derive(Clone, Debug)]
pub struct Lazy {
    pub stays: Stays,
    /// How many of them each trader has been through; empty before the first.
    pub touched: Narrow,
    /// Each group's wealth and `sum rho w`, in shares; empty where the only group has it all.
    pub money: Vec<[f64; 2]>,
    /// Each group's `sum rho^2`.
    pub squares: Vec<f64>,
}

impl Default for Lazy {
    fn default() -> Self {
        Self {
            stays: Stays::default(),
            touched: Narrow::EMPTY,
            money: Vec::new(),
            squares: Vec::new(),
        }
    }
}

impl Lazy {
    fn since(&self, j: usize) -> usize {
        self.touched.at(j) as usize
    }

    /// Notes a levy that concerns everybody.
    pub fn push(&mut self, levy: Levied, traders: usize) {
        if self.touched.is_empty() {
            self.touched = Narrow::zeros(traders, u16::MAX.into());
        }
        self.stays.push(levy);
    }

    /// Trader j's wealth after all levies.
    pub fn wealth<F: Real>(&self, accounts: &Accounts<F>, roster: &Roster<F>, j: usize) -> Scaled {
        let (stored, since) = (accounts.wealth.value(j), self.since(j));
        let pending = &self.stays.levied()[since..];
        if pending.is_empty() {
            return stored;
        }
        let inflow = roster.rho.value(j) * accounts.total;
        if pending.len() <= FEW {
            return pending.iter().fold(stored, |w, levy| {
                w * (1.0 - levy.hazard * levy.total).max(0.0) + inflow * levy.hazard
            });
        }
        let total = pending[0].total;
        let rest = if total > 0.0 {
            inflow * (1.0 / total)
        } else {
            Scaled::ZERO
        };
        stored * self.stays.kept(since) + rest * self.stays.lost(since)
    }

    /// The part of it that kept its definition.
    pub fn unredefined<F: Real>(&self, accounts: &Accounts<F>, roster: &Roster<F>, j: usize) -> Option<Scaled> {
        let stored = accounts.unredefined.as_ref()?.value(j);
        let since = self.since(j);
        if since == self.stays.len() {
            return Some(stored);
        }
        Some(stored * self.stays.stayed(since, roster.rho.value(j).to_f64()))
    }

    /// Marks trader j as having been through all levies.
    pub fn touch(&mut self, j: usize) {
        if !self.touched.is_empty() {
            self.touched.set(j, u32::try_from(self.stays.len()).unwrap_or(u32::MAX));
        }
    }

    /// Brings everybody up to date.
    pub fn catch_up<F: Real>(&self, accounts: &mut Accounts<F>, roster: &Roster<F>) {
        if !self.stays.is_empty() {
            let before = accounts.clone();
            for (t, mut tile) in Arc::make_mut(&mut accounts.wealth).tiles_mut().enumerate() {
                tile.assign(|_, i| self.wealth(&before, roster, t * TILE + i));
            }
            if let Some(old) = &mut accounts.unredefined {
                for (t, mut tile) in Arc::make_mut(old).tiles_mut().enumerate() {
                    tile.assign(|_, i| self.unredefined(&before, roster, t * TILE + i).unwrap_or(Scaled::ZERO));
                }
            }
        }
        accounts.total = accounts.wealth.sum();
    }
}
