//! Groups: a label a trader, for the ledger and for taxes that stay within a group.

use crate::accounts::book::{Book, TILE, TileRef};
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
/// So are those within this many bits of what the raw mantissas of drained traders may add: 2^27 traders, 53 bits.
const MARGIN: i64 = 80;

impl Groups {
    #[must_use]
    pub fn single() -> Self {
        Self {
            ids: Vec::new(),
            count: 1,
        }
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

    /// Whether sums by group are few enough to be taken tile by tile.
    #[must_use]
    pub fn by_tile(&self) -> bool {
        self.count > 1 && self.count <= TILE / 2
    }

    /// One tile's sums by group, in the tile's own scale, padded to a power of two.
    pub fn tile_money<F: Real>(&self, t: usize, wealth: TileRef<'_, F>, rho: TileRef<'_, F>) -> Vec<[f64; 2]> {
        let mut sums = vec![[0.0; 2]; self.count.next_power_of_two()];
        lanes::add_groups(&mut sums, wealth.m, rho.m, self.tile(t));
        sums
    }

    /// The money of every group. `unit` is the exponent of the book's total.
    pub fn money<F: Real>(&self, wealth: &Book<F>, rho: &Book<F>, unit: i64) -> Vec<GroupMoney> {
        if self.count == 1 {
            let parts: Vec<_> = (0..wealth.tiles.len())
                .map(|t| wealth.tile(t).product(rho.tile(t)))
                .collect();
            let own = Scaled::sum(parts.iter().copied());
            return vec![GroupMoney {
                wealth: wealth.sum(),
                own,
            }];
        }
        if self.by_tile() {
            let tiles = (0..wealth.tiles.len()).collect();
            let sums = |(): &mut (), t: usize| self.tile_money(t, wealth.tile(t), rho.tile(t));
            return self.gather(&threads::map(tiles, || (), sums), wealth, rho, unit);
        }
        let mut sums = vec![[0.0; 2]; self.count];
        for t in 0..wealth.tiles.len() {
            let (w, r) = (wealth.tile(t), rho.tile(t));
            let scale = pow2(w.tile.exponent - unit);
            let own_scale = scale * pow2(r.tile.exponent);
            for ((x, r), &g) in w.m.iter().zip(r.m).zip(self.tile(t)) {
                let (x, sum) = (x.to_f64(), &mut sums[g as usize]);
                sum[0] += x * scale;
                sum[1] += (x * own_scale) * r.to_f64();
            }
        }
        self.checked(&sums, wealth, rho, unit)
    }

    /// The money of every group from the tiles' own sums.
    pub fn gather<F: Real>(
        &self,
        parts: &[Vec<[f64; 2]>],
        wealth: &Book<F>,
        rho: &Book<F>,
        unit: i64,
    ) -> Vec<GroupMoney> {
        let mut sums = vec![[0.0; 2]; self.count];
        for (t, part) in parts.iter().enumerate() {
            let scale = pow2(wealth.tiles[t].exponent - unit);
            let scale = [scale, scale * pow2(rho.tiles[t].exponent)];
            for (sum, own) in sums.iter_mut().zip(part) {
                sum[0] += own[0] * scale[0];
                sum[1] += own[1] * scale[1];
            }
        }
        self.checked(&sums, wealth, rho, unit)
    }

    /// Sums in units of `2^unit`; those that may hold little but raw mantissas of the drained are taken again.
    fn checked<F: Real>(&self, sums: &[[f64; 2]], wealth: &Book<F>, rho: &Book<F>, unit: i64) -> Vec<GroupMoney> {
        let plain = |[wealth, own]: [f64; 2]| GroupMoney {
            wealth: Scaled::new(wealth, unit),
            own: Scaled::new(own, unit),
        };
        let mut money: Vec<_> = sums.iter().map(|&s| plain(s)).collect();
        let drained = wealth.tiles.iter().chain(&rho.tiles).any(|t| !t.drained.is_empty());
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
