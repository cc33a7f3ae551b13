//! One levy of the tax on a book: only money that changes hands is taxed (design 2.4).

use crate::accounts::book::{Book, TILE};
use crate::accounts::entered::Entered;
use crate::accounts::groups::{GroupMoney, Groups};
use crate::accounts::narrow::narrow;
use crate::accounts::tile::{TileMut, TileRef};
use crate::grue::kernel::Rows;
use crate::lanes;
use crate::lanes::groups::{self as by_group, ByGroup};
use crate::real::{Real, pow2};
use crate::scaled::Scaled;

/// Who has entered, as the tax sees it.
#[derive(Clone, Debug)]
pub struct Weights {
    /// The sum of rho over all who have entered.
    pub total: f64,
    /// The same by group.
    pub entered: Vec<f64>,
}

/// A rank-one levy, ready to be applied tile by tile.
pub enum Levy<'a> {
    /// One affine map for all: `w <- keep w + inflow rho`, of which `give_back rho w` never changed hands.
    Anything {
        keep: f64,
        inflow: Scaled,
        give_back: f64,
        moved: f64,
    },
    WithinGroups(Grouped<'a>),
}

/// A levy within groups: `w <- keep_g w + inflow_g rho`, of which `hazard rho w` never changed hands.
pub struct Grouped<'a> {
    groups: &'a Groups,
    hazard: f64,
    keep: Vec<f64>,
    /// The same for all groups, where it is.
    one_keep: Option<f64>,
    /// `h W_g`; and in units of `2^unit`, where floats hold them all.
    inflow: Vec<Scaled>,
    plain: Option<ByGroup<f64>>,
    least: f64,
    most: f64,
    unit: i64,
}

impl<'a> Levy<'a> {
    /// A levy on the `money` of all who have entered, by a kernel that sums to `total` over them.
    pub fn anything(hazard: f64, total: f64, money: Scaled) -> Self {
        let keep = (1.0 - hazard * total).max(0.0);
        Self::Anything {
            keep,
            inflow: money * hazard,
            give_back: hazard,
            moved: hazard * total,
        }
    }

    pub fn within_groups(hazard: f64, weights: &Weights, groups: &'a Groups, money: &[GroupMoney], unit: i64) -> Self {
        let keep: Vec<_> = weights
            .entered
            .iter()
            .map(|sum| (1.0 - hazard * sum).max(0.0))
            .collect();
        // those without money keep what they like
        let owners = || {
            keep.iter()
                .zip(money)
                .filter(|(_, m)| !m.wealth.is_zero())
                .map(|(keep, _)| *keep)
        };
        let first = owners().next().unwrap_or(1.0);
        let inflow: Vec<_> = money.iter().map(|m| m.wealth * hazard).collect();
        let plain = inflow
            .iter()
            .filter(|x| !x.is_zero())
            .all(|x| (x.exponent - unit).abs() < 400);
        let raw: Vec<_> = inflow.iter().map(|x| x.in_units_of(unit)).collect();
        Self::WithinGroups(Grouped {
            groups,
            hazard,
            one_keep: owners().all(|keep| keep == first).then_some(first),
            least: raw.iter().copied().filter(|&x| x > 0.0).fold(f64::INFINITY, f64::min),
            most: raw.iter().copied().fold(0.0, f64::max),
            plain: plain.then(|| ByGroup::new(raw)),
            keep,
            inflow,
            unit,
        })
    }

    /// `(keep, give_back)` where the levy is one map for all.
    #[must_use]
    pub fn as_one_map(&self) -> Option<(f64, f64)> {
        match self {
            Self::Anything { keep, give_back, .. } => Some((*keep, *give_back)),
            Self::WithinGroups(grouped) => grouped.one_keep.map(|keep| (keep, grouped.hazard)),
        }
    }

    /// Taxes tile t; returns `sum rho w` of before where the kernel is `Anything`. Within groups, `next` is sent for.
    pub fn apply<F: Real>(&self, t: usize, wealth: &mut TileMut<'_, F>, rho: TileRef<'_, F>, next: &[F]) -> Scaled {
        match self {
            Self::Anything { keep, inflow, .. } => wealth.affine(rho, *keep, *inflow),
            Self::WithinGroups(grouped) => {
                grouped.apply(t, wealth, rho, next);
                Scaled::ZERO
            }
        }
    }

    /// Takes from the unredefined money of tile t what the tax redefines.
    pub fn apply_stay<F: Real>(&self, t: usize, old: &mut TileMut<'_, F>, rho: TileRef<'_, F>, row: &mut [F]) {
        // a least entry of 0 sends the tile through the exact path, where no share is too small for a float
        let mut least = 0.0;
        if let Some((keep, give_back)) = self.as_one_map() {
            let scaled = give_back * pow2(rho.tile.exponent + F::TOP);
            lanes::stay(row, rho.m, F::from_f64(keep), F::from_f64(scaled));
            least = keep;
        }
        old.multiply(row, least, |i| self.stay(t, i, rho.value(i)));
    }

    fn stay(&self, t: usize, i: usize, rho: Scaled) -> Scaled {
        match self {
            Self::Anything { give_back, keep, .. } => Scaled::new(*keep, 0) + rho * *give_back,
            Self::WithinGroups(g) => Scaled::new(g.keep[g.groups.of(t * TILE + i)], 0) + rho * g.hazard,
        }
    }
}

impl Grouped<'_> {
    fn apply<F: Real>(&self, t: usize, wealth: &mut TileMut<'_, F>, rho: TileRef<'_, F>, next: &[F]) {
        if let (Some(inflow), Some(keep)) = (&self.plain, self.one_keep) {
            let scale = pow2(self.unit + rho.tile.exponent - wealth.tile.exponent);
            let keep_all = F::from_f64(keep);
            let pass = |m: &mut [F]| {
                narrow!(&self.groups.ids, ids => {
                    let ids = &ids[self.groups.range(t)];
                    by_group::affine_by_group(m, rho.m, ids, keep_all, inflow, scale, next);
                });
            };
            if wealth.affine_by(rho, keep, (self.least * scale, self.most * scale), pass) {
                return;
            }
        }
        wealth.assign(|old, i| {
            let group = self.groups.of(t * TILE + i);
            old * self.keep[group] + rho.value(i) * self.inflow[group]
        });
    }
}

/// What a levy by a sparse kernel does: every trader's stay share and inflow.
pub struct Flows {
    pub stay: Vec<f64>,
    pub inflow: Vec<Scaled>,
}

/// The flows of a levy by rows; whoever is absent from `rho` receives nothing.
pub fn flows<F: Real>(rows: &Rows, hazard: f64, wealth: &Book<F>, rho: &Entered<F>) -> Flows {
    let mut flows = Flows {
        stay: vec![1.0; wealth.len()],
        inflow: vec![Scaled::ZERO; wealth.len()],
    };
    for i in 0..wealth.len() {
        let paid = wealth.value(i) * hazard;
        for (k, share) in rows.row(i).filter(|&(k, _)| k != i && !rho.is_absent(k)) {
            flows.stay[i] -= hazard * share;
            flows.inflow[k] = flows.inflow[k] + paid * share;
        }
        flows.stay[i] = flows.stay[i].max(0.0);
    }
    flows
}
