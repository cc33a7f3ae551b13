//! Groups: a label a trader, for the ledger and for taxes that stay within a group.

use crate::accounts::book::{Book, TILE};
use crate::lanes;
use crate::real::{Real, pow2};
use crate::scaled::Scaled;
use crate::threads;

/// Each trader's group, 0..count.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    /// Empty where there is a single group.
    pub ids: Vec<u32>,
    pub count: usize,
}

/// What the ledger and the taxes need to know of a group's money.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GroupMoney {
    /// `sum w` over the group.
    pub wealth: Scaled,
    /// `sum rho w` over the group.
    pub own: Scaled,
}

/// Sums below `2^-300` of the total may have lost parts to underflow and are taken again in scaled arithmetic.
const SAFE: i64 = -300;

impl Groups {
    #[must_use]
    pub fn single() -> Self {
        Self { ids: Vec::new(), count: 1 }
    }

    #[must_use]
    pub fn of(&self, trader: usize) -> usize {
        self.ids.get(trader).map_or(0, |&g| g as usize)
    }

    /// The groups of tile t's traders.
    #[must_use]
    pub fn tile(&self, t: usize) -> &[u32] {
        &self.ids[t * TILE..((t + 1) * TILE).min(self.ids.len())]
    }

    /// The money of every group. `unit` is the exponent of the book's total.
    pub fn money<F: Real>(&self, wealth: &Book<F>, rho: &Book<F>, unit: i64) -> Vec<GroupMoney> {
        if self.count == 1 {
            return vec![self.exact_money(0, wealth, rho)];
        }
        let tiles = wealth.tiles.len();
        // partial sums by runs of tiles: enough runs for the threads, few enough that adding them up stays cheap
        let runs = ((1 << 20) / self.count.max(1)).clamp(1, tiles.div_ceil(4));
        let starts: Vec<usize> = (0..tiles).step_by(tiles.div_ceil(runs)).collect();
        let partial = threads::map(
            starts,
            || (),
            |(), start| {
                let mut sums = vec![[0.0; 2]; self.count];
                for t in start..(start + tiles.div_ceil(runs)).min(tiles) {
                    let (w, r) = (wealth.tile(t), rho.tile(t));
                    let scale = pow2(w.tile.exponent - unit);
                    lanes::add_groups(&mut sums, w.m, r.m, self.tile(t), [scale, scale * pow2(r.tile.exponent)]);
                }
                sums
            },
        );
        let mut doubtful = vec![false; self.count];
        let mut money: Vec<GroupMoney> = (0..self.count)
            .map(|g| {
                let [wealth, own] = [0, 1].map(|part| partial.iter().map(|sums| sums[g][part]).sum::<f64>());
                doubtful[g] = wealth < pow2(SAFE) || own < pow2(2 * SAFE);
                GroupMoney { wealth: Scaled::new(wealth, unit), own: Scaled::new(own, unit) }
            })
            .collect();
        let drained = wealth.tiles.iter().chain(&rho.tiles).any(|t| !t.drained.is_empty());
        let poor = wealth.tiles.iter().any(|t| t.floor.is_finite() && t.exponent - unit < SAFE - F::TOP);
        if (drained || poor) && doubtful.contains(&true) {
            for (g, sum) in money.iter_mut().enumerate().filter(|(g, _)| doubtful[*g]) {
                *sum = self.exact_money(g, wealth, rho);
            }
        }
        money
    }

    fn exact_money<F: Real>(&self, group: usize, wealth: &Book<F>, rho: &Book<F>) -> GroupMoney {
        let members = (0..wealth.len()).filter(|&i| self.of(i) == group);
        members.fold(GroupMoney::default(), |sum, i| GroupMoney {
            wealth: sum.wealth + wealth.value(i),
            own: sum.own + wealth.value(i) * rho.value(i),
        })
    }
}
