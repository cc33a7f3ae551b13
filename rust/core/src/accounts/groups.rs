//! Groups: a label a trader, for the ledger and for taxes that stay within a group.

use crate::accounts::book::{Book, TILE};
use crate::accounts::entered::{Copied, Entered, Mark};
use crate::accounts::narrow::{Narrow, narrow};
use crate::accounts::tile::TileRef;
use crate::lanes;
use crate::real::{Real, pow2};
use crate::scaled::Scaled;
use crate::threads;
use std::sync::{Arc, Weak};

/// Each trader's group, 0..count.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    /// Empty where there is a single group.
    pub ids: Narrow,
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

/// The groups' money as it was summed up last; void once one of its books has changed.
#[derive(Clone, Debug)]
pub struct Summed<F> {
    // who changes a book that is weakly held puts it elsewhere, so the same place means the same book
    wealth: Weak<Book<F>>,
    rho: Mark<F>,
    money: Vec<GroupMoney>,
}

impl<F: Real> Summed<F> {
    pub fn new(wealth: &Arc<Book<F>>, rho: &Entered<F>, money: Vec<GroupMoney>) -> Self {
        Self {
            wealth: Arc::downgrade(wealth),
            rho: rho.mark(),
            money,
        }
    }

    /// The money, if these are still the books that it was summed up from.
    pub fn of(&self, wealth: &Arc<Book<F>>, rho: &Entered<F>) -> Option<&Vec<GroupMoney>> {
        let same = self.wealth.as_ptr() == Arc::as_ptr(wealth) && rho.has(&self.rho);
        same.then_some(&self.money)
    }
}

/// Sums below `2^-300` of the total may have lost parts to underflow and are taken again in scaled arithmetic.
const SAFE: i64 = -300;
/// So are those within this many bits of what the raw mantissas of drained traders may add: 2^27 traders, 53 bits.
const MARGIN: i64 = 80;
/// Traders that one entry of an array of sums by group stands for, at least.
const TRADERS_A_SUM: usize = 32;

impl Groups {
    #[must_use]
    pub fn single() -> Self {
        Self {
            ids: Narrow::EMPTY,
            count: 1,
        }
    }

    #[must_use]
    pub fn of(&self, trader: usize) -> usize {
        self.ids.at(trader) as usize
    }

    /// The traders of tile t.
    #[must_use]
    pub fn range(&self, t: usize) -> std::ops::Range<usize> {
        t * TILE..((t + 1) * TILE).min(self.ids.len())
    }

    /// The groups that `ids` name, one a trader.
    pub fn new(ids: impl Iterator<Item = u32>, count: usize) -> Self {
        if count == 1 {
            return Self::single();
        }
        let most = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX);
        Self {
            ids: Narrow::of(ids, most),
            count,
        }
    }

    /// Whether sums by group are few enough to be taken tile by tile.
    #[must_use]
    pub fn by_tile(&self) -> bool {
        self.count > 1 && self.count <= TILE / 2
    }

    /// How many consecutive tiles share one array of sums: enough for adding up the arrays to be little work.
    #[must_use]
    pub fn tiles_a_sum(&self) -> usize {
        (TRADERS_A_SUM * self.count).div_ceil(TILE)
    }

    /// No money for any group, padded to a power of two.
    #[must_use]
    pub fn sums(&self) -> Vec<[f64; 2]> {
        vec![[0.0; 2]; self.count.next_power_of_two()]
    }

    /// Adds tile t's `(w, rho w)` to its groups' sums, which are in units of `2^unit`.
    pub fn add_tile<F: Real>(
        &self,
        sums: &mut [[f64; 2]],
        t: usize,
        wealth: TileRef<'_, F>,
        rho: TileRef<'_, F>,
        unit: i64,
    ) {
        let scale = pow2(wealth.tile.exponent - unit);
        let units = [scale, scale * pow2(rho.tile.exponent)];
        narrow!(&self.ids, ids => lanes::groups::add_groups(sums, wealth.m, rho.m, &ids[self.range(t)], units));
    }

    /// The money of every group. `unit` is the exponent of the book's total.
    pub fn money<F: Real>(&self, wealth: &Book<F>, rho: &Entered<F>, unit: i64) -> Vec<GroupMoney> {
        let mut copied = Copied::default();
        if self.count == 1 {
            let parts: Vec<_> = (0..wealth.tiles.len())
                .map(|t| wealth.tile(t).product(rho.tile(t, &mut copied)))
                .collect();
            let own = Scaled::sum(parts.iter().copied());
            return vec![GroupMoney {
                wealth: wealth.sum(),
                own,
            }];
        }
        if self.by_tile() {
            let tiles = (0..wealth.tiles.len()).collect();
            let add = |copied: &mut Copied<F>, run: Vec<usize>| {
                let mut sums = self.sums();
                run.into_iter()
                    .for_each(|t| self.add_tile(&mut sums, t, wealth.tile(t), rho.tile(t, copied), unit));
                sums
            };
            let sums = threads::map_runs(tiles, self.tiles_a_sum(), Copied::default, add);
            return self.gather(&sums, unit, wealth, rho, unit);
        }
        let mut sums = vec![[0.0; 2]; self.count];
        for t in 0..wealth.tiles.len() {
            let (w, r) = (wealth.tile(t), rho.tile(t, &mut copied));
            let scale = pow2(w.tile.exponent - unit);
            let own_scale = scale * pow2(r.tile.exponent);
            for ((x, r), i) in w.m.iter().zip(r.m).zip(self.range(t)) {
                let (x, sum) = (x.to_f64(), &mut sums[self.of(i)]);
                sum[0] += x * scale;
                sum[1] += (x * own_scale) * r.to_f64();
            }
        }
        self.checked(&sums, wealth, rho, unit)
    }

    /// The money of every group from sums over runs of tiles, which are in units of `2^given`.
    pub fn gather<F: Real>(
        &self,
        parts: &[Vec<[f64; 2]>],
        given: i64,
        wealth: &Book<F>,
        rho: &Entered<F>,
        unit: i64,
    ) -> Vec<GroupMoney> {
        let mut sums = vec![[0.0; 2]; self.count];
        let scale = pow2(given - unit);
        for part in parts {
            for (sum, own) in sums.iter_mut().zip(part) {
                *sum = [sum[0] + own[0] * scale, sum[1] + own[1] * scale];
            }
        }
        self.checked(&sums, wealth, rho, unit)
    }

    /// Sums in units of `2^unit`; those that may hold little but raw mantissas of the drained are taken again.
    fn checked<F: Real>(&self, sums: &[[f64; 2]], wealth: &Book<F>, rho: &Entered<F>, unit: i64) -> Vec<GroupMoney> {
        let plain = |[wealth, own]: [f64; 2]| GroupMoney {
            wealth: Scaled::new(wealth, unit),
            own: Scaled::new(own, unit),
        };
        let mut money: Vec<_> = sums.iter().map(|&s| plain(s)).collect();
        let drained = rho.has_drained() || wealth.tiles.iter().any(|t| !t.drained.is_empty());
        let poor = wealth
            .tiles
            .iter()
            .any(|t| t.floor.is_finite() && t.exponent - unit < SAFE - F::TOP);
        if !(drained || poor) {
            return money;
        }
        let noise = pow2((F::LOW + F::BLOCK - F::TOP + MARGIN).max(SAFE));
        let doubtful: Vec<_> = sums
            .iter()
            .map(|[wealth, own]| *wealth < noise || *own < *wealth * noise)
            .collect();
        for (sum, _) in money.iter_mut().zip(&doubtful).filter(|(_, doubtful)| **doubtful) {
            *sum = GroupMoney::default();
        }
        for i in 0..wealth.len() {
            let group = self.of(i);
            if doubtful[group] {
                let value = wealth.value(i);
                let sum = &mut money[group];
                *sum = GroupMoney {
                    wealth: sum.wealth + value,
                    own: sum.own + value * rho.value(i),
                };
            }
        }
        money
    }
}
