//! One levy of the tax on a book: only money that changes hands is taxed (design 2.4).

use crate::accounts::book::{Book, TileMut, TileRef};
use crate::accounts::groups::{GroupMoney, Groups};
use crate::grue::kernel::Rows;
use crate::lanes;
use crate::real::{Real, pow2};
use crate::scaled::Scaled;
use std::collections::HashSet;

/// Who has entered, as the tax sees it.
#[derive(Clone, Debug)]
pub struct Weights {
    /// The sum of rho over all who have entered.
    pub total: f64,
    /// The same by group, and each group's sum over all its members, entered or not.
    pub entered: Vec<Scaled>,
    pub prior: Vec<Scaled>,
}

/// A rank-one levy, ready to be applied tile by tile.
pub enum Levy<'a> {
    /// One affine map for all: `w <- keep w + inflow rho`, of which `give_back rho w` never changed hands.
    Anything { keep: f64, inflow: Scaled, give_back: f64, moved: f64 },
    WithinGroups(Grouped<'a>),
}

/// A levy within groups: each group's own affine map.
pub struct Grouped<'a> {
    groups: &'a Groups,
    keep: Vec<f64>,
    /// `h W_g / G_g`, with G_g the group's prior.
    inflow: Vec<Scaled>,
    /// `h / G_g`
    give_back: Vec<Scaled>,
    tax: Table,
    stay: Table,
}

/// (factor, addend in units of `2^unit`) by group, and the least and greatest of them.
struct Table {
    rows: Vec<(f64, f64)>,
    unit: i64,
    keep_least: f64,
    least: f64,
    most: f64,
    plain: bool,
}

impl Table {
    fn new(keep: &[f64], addend: &[Scaled], unit: i64) -> Self {
        let rows: Vec<_> = keep.iter().zip(addend).map(|(&k, a)| (k, a.in_units_of(unit))).collect();
        let positive = || addend.iter().filter(|a| !a.is_zero()).map(|a| a.exponent - unit);
        Self {
            keep_least: keep.iter().copied().filter(|&k| k > 0.0).fold(1.0, f64::min),
            least: rows.iter().map(|r| r.1).filter(|&a| a > 0.0).fold(f64::INFINITY, f64::min),
            most: rows.iter().map(|r| r.1).fold(0.0, f64::max),
            plain: positive().all(|e| e.abs() < 400),
            rows,
            unit,
        }
    }
}

impl<'a> Levy<'a> {
    /// A levy on the `money` of all who have entered, by a kernel `rho / over` that sums to `total` over them.
    pub fn anything(hazard: f64, total: f64, over: Scaled, money: Scaled) -> Self {
        let give_back = Scaled::new(hazard, 0) / over;
        Self::Anything {
            keep: (1.0 - hazard * total).max(0.0),
            inflow: money * give_back,
            give_back: give_back.to_f64(),
            moved: hazard * total,
        }
    }

    pub fn within_groups(hazard: f64, weights: &Weights, groups: &'a Groups, money: &[GroupMoney], unit: i64) -> Self {
        let share = |g: usize| if weights.prior[g].is_zero() { 0.0 } else { (weights.entered[g] / weights.prior[g]).to_f64() };
        let over_prior = |x: Scaled, g: usize| if weights.prior[g].is_zero() { Scaled::ZERO } else { x / weights.prior[g] };
        let keep: Vec<_> = (0..groups.count).map(|g| (1.0 - hazard * share(g)).max(0.0)).collect();
        let give_back: Vec<_> = (0..groups.count).map(|g| over_prior(Scaled::new(hazard, 0), g)).collect();
        let inflow: Vec<_> = (0..groups.count).map(|g| give_back[g] * money[g].wealth).collect();
        let (tax, stay) = (Table::new(&keep, &inflow, unit), Table::new(&keep, &give_back, 0));
        Self::WithinGroups(Grouped { groups, keep, inflow, give_back, tax, stay })
    }

    /// `(keep, give_back)` where the levy is one map for all.
    #[must_use]
    pub fn as_one_map(&self) -> Option<(f64, f64)> {
        match self {
            Self::Anything { keep, give_back, .. } => Some((*keep, *give_back)),
            Self::WithinGroups(_) => None,
        }
    }

    /// Taxes tile t; returns `sum rho w` of before where the kernel is `Anything`.
    pub fn apply<F: Real>(&self, t: usize, wealth: &mut TileMut<'_, F>, rho: TileRef<'_, F>) -> Scaled {
        match self {
            Self::Anything { keep, inflow, .. } => wealth.affine(rho, *keep, *inflow),
            Self::WithinGroups(grouped) => {
                grouped.apply(t, wealth, rho);
                Scaled::ZERO
            }
        }
    }

    /// Takes from the unredefined money of tile t what the tax redefines.
    pub fn apply_stay<F: Real>(&self, t: usize, old: &mut TileMut<'_, F>, rho: TileRef<'_, F>, row: &mut [F]) {
        let least = match self {
            Self::Anything { give_back, keep, .. } => {
                let scaled = give_back * pow2(rho.tile.exponent + F::TOP);
                lanes::stay(row, rho.m, F::from_f64(*keep), F::from_f64(scaled));
                *keep
            }
            Self::WithinGroups(g) if g.stay.plain => {
                let scale = pow2(rho.tile.exponent);
                lanes::stay_grouped(row, rho.m, g.groups.tile(t), &g.stay.rows, scale);
                if g.keep.contains(&0.0) { 0.0 } else { g.stay.keep_least }
            }
            Self::WithinGroups(_) => 0.0,
        };
        // a least entry of 0 sends the tile through the exact path, where no share is too small for a float
        old.multiply(row, least, |i| self.stay(t, i, rho.value(i)));
    }

    fn stay(&self, t: usize, i: usize, rho: Scaled) -> Scaled {
        match self {
            Self::Anything { give_back, keep, .. } => Scaled::new(*keep, 0) + rho * *give_back,
            Self::WithinGroups(g) => {
                let group = g.groups.tile(t)[i] as usize;
                Scaled::new(g.keep[group], 0) + rho * g.give_back[group]
            }
        }
    }
}

impl Grouped<'_> {
    fn apply<F: Real>(&self, t: usize, wealth: &mut TileMut<'_, F>, rho: TileRef<'_, F>) {
        let ids = self.groups.tile(t);
        let scale = pow2(self.tax.unit + rho.tile.exponent - wealth.tile.exponent);
        let (least, most) = (self.tax.least * scale * rho.tile.floor, self.tax.most * scale);
        let ceiling = wealth.tile.ceiling + most * rho.tile.ceiling;
        let plain = self.tax.plain
            && wealth.tile.drained.is_empty()
            && rho.tile.drained.is_empty()
            && wealth.tile.floor.is_finite()
            && rho.tile.floor.is_finite()
            && scale > 0.0
            && ceiling <= F::CEILING * pow2(8)
            && least >= F::LIMIT
            && self.tax.keep_least * wealth.tile.floor >= F::LIMIT;
        if plain {
            lanes::affine_grouped(wealth.m, rho.m, ids, &self.tax.rows, scale);
            wealth.tile.floor = (self.tax.keep_least * wealth.tile.floor).min(least);
            wealth.tile.ceiling = ceiling;
            if ceiling > F::CEILING {
                wealth.normalise();
            }
        } else {
            wealth.assign(|old, i| old * self.keep[ids[i] as usize] + rho.value(i) * self.inflow[ids[i] as usize]);
        }
    }
}

/// What a levy by a sparse kernel does: every trader's stay share and inflow.
pub struct Flows {
    pub stay: Vec<f64>,
    pub inflow: Vec<Scaled>,
}

/// The flows of a levy by rows; whoever is `absent` receives nothing.
pub fn flows<F: Real>(rows: &Rows, hazard: f64, wealth: &Book<F>, absent: &HashSet<u32>) -> Flows {
    let mut flows = Flows { stay: vec![1.0; wealth.len()], inflow: vec![Scaled::ZERO; wealth.len()] };
    for i in 0..wealth.len() {
        let paid = wealth.value(i) * hazard;
        for (k, share) in rows.row(i).filter(|&(k, _)| k != i && !absent.contains(&(k as u32))) {
            flows.stay[i] -= hazard * share;
            flows.inflow[k] = flows.inflow[k] + paid * share;
        }
        flows.stay[i] = flows.stay[i].max(0.0);
    }
    flows
}
