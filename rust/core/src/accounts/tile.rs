//! A tile of a book: a mantissa a trader, an exponent for the drained, an exponent for all.

use crate::accounts::narrow::{Narrow, narrow};
use crate::lanes::several::{self, ROUNDS, Several};
use crate::lanes::{self, Extent};
use crate::real::{Real, pow2};
use crate::scaled::Scaled;

/// A tile's scale and the exponents of its drained traders (see [`Real`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// A raw value of 1 in this tile is `2^exponent` of wealth.
    pub exponent: i64,
    /// No positive mantissa of the tile is below this; infinite for a tile without money.
    pub floor: f64,
    /// No mantissa of the tile is above this.
    pub ceiling: f64,
    /// How many blocks of `Real::BLOCK` bits each trader is below its mantissa; empty where nobody is drained.
    pub drained: Narrow,
}

impl Tile {
    pub const EMPTY: Self = Self {
        exponent: 0,
        floor: f64::INFINITY,
        ceiling: 0.0,
        drained: Narrow::EMPTY,
    };

    fn block(&self, i: usize) -> i64 {
        -i64::from(self.drained.at(i))
    }
}

/// One tile of a book, to read.
#[derive(Clone, Copy)]
pub struct TileRef<'a, F> {
    pub m: &'a [F],
    pub tile: &'a Tile,
}

impl<F: Real> TileRef<'_, F> {
    #[must_use]
    pub fn value(&self, i: usize) -> Scaled {
        Scaled::new(self.m[i].to_f64(), F::BLOCK * self.tile.block(i) + self.tile.exponent)
    }

    #[must_use]
    pub fn sum(&self) -> Scaled {
        Scaled::new(lanes::sum(self.m), self.tile.exponent)
    }

    /// `sum value * other`.
    #[must_use]
    pub fn product(&self, other: TileRef<'_, F>) -> Scaled {
        if self.tile.drained.is_empty() && other.tile.drained.is_empty() {
            let sum = self.m.iter().zip(other.m).map(|(x, y)| x.to_f64() * y.to_f64()).sum();
            return Scaled::new(sum, self.tile.exponent + other.tile.exponent);
        }
        Scaled::sum((0..self.m.len()).map(|i| self.value(i) * other.value(i)))
    }

    /// `sum value * row`. Where the float sum could hide a drained trader's part, it is taken term by term from `exact`.
    pub fn dot(&self, row: &[F], exact: impl Fn(usize) -> Scaled) -> Scaled {
        self.dotted(lanes::dot(self.m, row), exact)
    }

    /// The same where the sum over mantissas is known.
    pub fn dotted(&self, sum: f64, exact: impl Fn(usize) -> Scaled) -> Scaled {
        if self.tile.floor.is_infinite() {
            return Scaled::ZERO;
        }
        if sum
            >= if self.tile.drained.is_empty() {
                F::LIMIT
            } else {
                F::SUM_MIN
            }
        {
            return Scaled::new(sum, self.tile.exponent);
        }
        let terms = (0..self.m.len()).map(|i| self.value(i) * exact(i));
        Scaled::sum(terms)
    }
}

/// One tile of a book, to change.
pub struct TileMut<'a, F> {
    pub m: &'a mut [F],
    pub tile: &'a mut Tile,
}

impl<F: Real> TileMut<'_, F> {
    #[must_use]
    pub fn as_ref(&self) -> TileRef<'_, F> {
        TileRef {
            m: self.m,
            tile: self.tile,
        }
    }

    /// Takes over another tile's accounts.
    pub fn copy_from(&mut self, other: TileRef<'_, F>) {
        self.m.copy_from_slice(other.m);
        self.tile.clone_from(other.tile);
    }

    /// Multiplies every account by its entry of `row` (all in [0, 1], the least positive one `least`) and returns the new sum.
    pub fn multiply(&mut self, row: &[F], least: f64, exact: impl Fn(usize) -> Scaled) -> Scaled {
        if self.tile.floor.is_infinite() {
            return Scaled::ZERO;
        }
        if self.tile.floor * least < F::LIMIT {
            self.normalise();
        }
        if self.tile.floor * least < F::LIMIT || F::from_f64(least).to_f64() < F::LIMIT {
            self.assign(|old, i| old * exact(i));
            return self.as_ref().sum();
        }
        let sum = lanes::multiply(self.m, row);
        self.tile.floor *= least;
        self.after_multiply(sum)
    }

    /// [`Self::multiply`] by a row that is yet to be checked, in one pass; `next` is what will be read after it,
    /// and `tile_by_tile` whether the next tile's accounts are.
    pub fn check_and_multiply(
        &mut self,
        row: &[F],
        next: &[F],
        tile_by_tile: bool,
        exact: impl Fn(usize) -> Scaled,
    ) -> std::result::Result<(Scaled, Extent), Extent> {
        if self.tile.floor.is_infinite() {
            let extent = lanes::extent(row, next);
            return if extent.valid {
                Ok((Scaled::ZERO, extent))
            } else {
                Err(extent)
            };
        }
        // room for entries down to 2^-64 without a look at them first
        if self.tile.floor * pow2(-64) < F::LIMIT {
            self.normalise();
        }
        let done = lanes::check_and_multiply(self.m, row, next, F::LIMIT / self.tile.floor, tile_by_tile);
        if done.done == row.len() {
            self.tile.floor *= done.extent.least;
            return Ok((self.after_multiply(done.sum), done.extent));
        }
        let extent = lanes::extent(row, &[]);
        if !extent.valid {
            return Err(extent);
        }
        self.assign(|old, i| if i < done.done { old } else { old * exact(i) });
        Ok((self.as_ref().sum(), extent))
    }

    /// [`Self::check_and_multiply`] by several rows in one pass over the accounts, `grown` being room for a tile; pushes the
    /// sum after each. Where one of them needs a closer look, nothing is done, and that row's index returned.
    pub fn multiply_several(
        &mut self,
        rows: [&[F]; ROUNDS],
        ahead: [&[F]; ROUNDS],
        grown: &mut [F],
        sums: &mut Vec<Scaled>,
    ) -> std::result::Result<[Extent; ROUNDS], usize> {
        if self.tile.floor.is_infinite() {
            return Err(0);
        }
        // room for entries down to 2^-64 without a look at them first
        if self.tile.floor * pow2(-64) < F::LIMIT {
            self.normalise();
        }
        let mut found = several::multiply_several(self.m, rows, ahead, grown);
        if self.plain(&found).is_err() {
            // enough where the money of all has shrunk
            self.normalise();
            found = several::multiply_several(self.m, rows, ahead, grown);
        }
        (self.tile.floor, self.tile.ceiling) = self.plain(&found)?;
        self.m.copy_from_slice(grown);
        sums.extend(found.iter().map(|f| Scaled::new(f.sum, self.tile.exponent)));
        Ok(found.map(|f| f.extent))
    }

    /// The floor and ceiling after several rows if each is a plain product, with no need to normalise after it; else the
    /// index of the first that is not.
    fn plain(&self, found: &[Several; ROUNDS]) -> std::result::Result<(f64, f64), usize> {
        let (mut floor, mut ceiling) = (self.tile.floor, self.tile.ceiling);
        for (r, Several { sum, extent }) in found.iter().enumerate() {
            let room = extent.least >= F::LIMIT / floor;
            floor *= extent.least;
            ceiling *= 1.0 + f32::SUM_TOLERANCE;
            if !extent.valid || !room || *sum < F::SUM_MIN || ceiling > F::CEILING {
                return Err(r);
            }
        }
        Ok((floor, ceiling))
    }

    /// Multiplies every account by `keep + give_back * rho` and by its entry of `row`.
    pub fn stay_and_multiply(
        &mut self,
        rho: TileRef<'_, F>,
        (keep, give_back): (f64, f64),
        row: &[F],
        least: f64,
        exact: impl Fn(usize) -> Scaled,
    ) {
        if self.tile.floor.is_infinite() {
            return;
        }
        let least = least * keep;
        if self.tile.floor * least < F::LIMIT {
            self.normalise();
        }
        if self.tile.floor * least < F::LIMIT || F::from_f64(least).to_f64() < F::LIMIT || keep < pow2(-20) {
            return self.assign(|old, i| old * (Scaled::new(keep, 0) + rho.value(i) * give_back) * exact(i));
        }
        let hazard = F::from_f64(give_back * pow2(rho.tile.exponent + F::TOP));
        lanes::stay_and_multiply(self.m, rho.m, row, F::from_f64(keep), hazard);
        self.tile.floor *= least;
    }

    /// The sum as it is, or after normalising a tile that has shrunk.
    fn after_multiply(&mut self, sum: f64) -> Scaled {
        self.tile.ceiling *= 1.0 + f32::SUM_TOLERANCE;
        if sum < F::SUM_MIN || self.tile.ceiling > F::CEILING {
            self.normalise();
            return self.as_ref().sum();
        }
        Scaled::new(sum, self.tile.exponent)
    }

    /// `value = keep * value + inflow * rho`, returning `sum rho * value` of before.
    pub fn affine(&mut self, rho: TileRef<'_, F>, keep: f64, inflow: Scaled) -> Scaled {
        if self.tile.floor.is_infinite() && (inflow.is_zero() || rho.tile.floor.is_infinite()) {
            return Scaled::ZERO;
        }
        let raw = inflow.in_units_of(self.tile.exponent - rho.tile.exponent);
        if self.takes(rho, keep, (raw, raw)) {
            let given_back_exponent = self.tile.exponent + rho.tile.exponent + F::TOP;
            let given_back = lanes::affine(self.m, rho.m, F::from_f64(keep), F::from_f64(raw));
            self.taken(rho, keep, (raw, raw));
            return Scaled::new(given_back, given_back_exponent);
        }
        let given_back = self.as_ref().product(rho);
        self.assign(|old, i| old * keep + rho.value(i) * inflow);
        given_back
    }

    /// `value = keep * value + inflow * rho` by a `pass` over the mantissas, whose raw inflows lie between `bounds`. False,
    /// and nothing done, where floats would not hold it.
    pub fn affine_by(
        &mut self,
        rho: TileRef<'_, F>,
        keep: f64,
        bounds: (f64, f64),
        pass: impl FnOnce(&mut [F]),
    ) -> bool {
        let takes = self.takes(rho, keep, bounds);
        if takes {
            pass(self.m);
            self.taken(rho, keep, bounds);
        }
        takes
    }

    /// Whether a plain pass may add raw inflows between `least` and `most`. The richest mantissas are near 2^TOP in both
    /// books, so these are plain factors unless this tile is far poorer than what flows in.
    fn takes(&self, rho: TileRef<'_, F>, keep: f64, (least, most): (f64, f64)) -> bool {
        self.tile.drained.is_empty()
            && rho.tile.drained.is_empty()
            && self.tile.floor.is_finite()
            && rho.tile.floor.is_finite()
            && most <= F::ROOM
            && least * rho.tile.floor >= F::LIMIT
            && (keep == 0.0 || keep * self.tile.floor >= F::LIMIT)
    }

    fn taken(&mut self, rho: TileRef<'_, F>, keep: f64, (least, most): (f64, f64)) {
        let inflow = least * rho.tile.floor;
        self.tile.floor = if keep == 0.0 {
            inflow
        } else {
            (keep * self.tile.floor).min(inflow)
        };
        self.tile.ceiling = keep * self.tile.ceiling + most * rho.tile.ceiling;
        if self.tile.ceiling > F::CEILING {
            self.normalise();
        }
    }

    /// Adds `factor * other`.
    pub fn add_scaled(&mut self, other: TileRef<'_, F>, factor: Scaled) {
        if other.tile.floor.is_infinite() || factor.is_zero() {
            return;
        }
        if self.tile.floor.is_infinite() {
            self.tile.exponent = other.tile.exponent + factor.exponent;
            self.tile.drained.clone_from(&other.tile.drained);
            self.tile.floor = other.tile.floor;
            self.tile.ceiling = 2.0 * other.tile.ceiling;
            self.m.copy_from_slice(other.m);
            lanes::scale(self.m, F::from_f64(factor.mantissa));
            return;
        }
        let raw = factor.in_units_of(self.tile.exponent - other.tile.exponent);
        let plain = self.tile.drained.is_empty() && other.tile.drained.is_empty();
        if plain && raw <= F::ROOM && raw * other.tile.floor >= F::LIMIT {
            lanes::add_scaled(self.m, other.m, F::from_f64(raw));
            self.tile.floor = self.tile.floor.min(raw * other.tile.floor);
            self.tile.ceiling += raw * other.tile.ceiling;
            if self.tile.ceiling > F::CEILING {
                self.normalise();
            }
        } else {
            self.assign(|old, i| old + other.value(i) * factor);
        }
    }

    /// Brings the richest mantissa to [2^TOP, 2^(TOP+1)) and every other into its window. Only exponents change, so no
    /// value does.
    pub fn normalise(&mut self) {
        let (most, least) = lanes::extremes(self.m);
        if most == 0.0 {
            *self.tile = Tile::EMPTY;
            return;
        }
        let window = pow2(F::LOW + F::BLOCK);
        if most < window && !self.tile.drained.is_empty() {
            // the richest may be one of the drained
            return self.assign(|old, _| old);
        }
        let shift = F::TOP - Scaled::new(most, 0).exponent;
        // in two steps where a float may not hold the whole shift
        let first = if shift.abs() <= F::BLOCK { shift } else { shift / 2 };
        for part in [first, shift - first].into_iter().filter(|part| *part != 0) {
            lanes::scale(self.m, F::from_f64(pow2(part)));
        }
        self.tile.exponent -= shift;
        self.tile.floor = least * pow2(shift);
        self.tile.ceiling = most * pow2(shift);
        if self.tile.floor < pow2(F::LOW) {
            self.tile.drained.resize(self.m.len());
            self.tile.floor = pow2(F::LOW);
        }
        if !self.tile.drained.is_empty() {
            // who rises out of the drained lands at the window's lower end or above
            self.tile.floor = self.tile.floor.min(pow2(F::LOW));
            // a mantissa is out of its window by the shift at most, or by what it fell since the last time
            let fallen = (F::LOW - Scaled::new(least, 0).exponent - shift).max(0);
            let moves = shift.max(fallen) / F::BLOCK + 1;
            self.tile.drained.widen_by(moves as u32);
            for _ in 0..moves {
                narrow!(&mut self.tile.drained, depths => lanes::move_blocks(self.m, depths));
            }
        }
    }

    /// Replaces every account by `next(value, i)`, in exact scaled arithmetic.
    pub fn assign(&mut self, next: impl Fn(Scaled, usize) -> Scaled) {
        let values: Vec<_> = (0..self.m.len()).map(|i| next(self.as_ref().value(i), i)).collect();
        let richest = values.iter().filter(|v| !v.is_zero()).map(|v| v.exponent).max();
        let Some(richest) = richest else {
            self.m.fill(F::ZERO);
            *self.tile = Tile::EMPTY;
            return;
        };
        self.tile.exponent = richest - F::TOP;
        self.tile.drained = Narrow::EMPTY;
        self.tile.floor = f64::INFINITY;
        self.tile.ceiling = 0.0;
        for (i, &value) in values.iter().enumerate() {
            self.place(i, value);
        }
    }

    /// Gives the tile the scale it had, the accounts holding what they held then.
    pub fn put_back(&mut self, before: Tile) {
        for i in 0..self.m.len() {
            let value = self.as_ref().value(i);
            self.m[i] = F::from_f64(value.in_units_of(before.exponent + F::BLOCK * before.block(i)));
        }
        *self.tile = before;
    }

    /// Puts `value` into account i without touching the others.
    pub fn set(&mut self, i: usize, value: Scaled) {
        if self.tile.floor.is_infinite() && !value.is_zero() {
            self.tile.exponent = value.exponent - F::TOP;
        }
        if !value.is_zero() && value.exponent - self.tile.exponent > F::TOP + 16 {
            self.assign(|old, k| if k == i { value } else { old });
        } else {
            self.place(i, value);
        }
    }

    fn place(&mut self, i: usize, value: Scaled) {
        if value.is_zero() {
            self.m[i] = F::ZERO;
            return;
        }
        let mut exponent = value.exponent - self.tile.exponent;
        let mut depth = 0;
        if exponent < F::LOW {
            depth = -(exponent - F::LOW).div_euclid(F::BLOCK);
            exponent += depth * F::BLOCK;
        }
        // 2^31 blocks are 10^11 bits, which no run reaches
        let depth = depth.min(i64::from(i32::MAX)) as u32;
        if depth > 0 && self.tile.drained.is_empty() {
            self.tile.drained = Narrow::zeros(self.m.len(), depth);
        }
        if !self.tile.drained.is_empty() {
            self.tile.drained.set(i, depth);
        }
        let mantissa = value.mantissa * pow2(exponent);
        self.m[i] = F::from_f64(mantissa);
        // a little slack for the rounding to f32
        self.tile.floor = self.tile.floor.min(mantissa * 0.999_999);
        self.tile.ceiling = self.tile.ceiling.max(mantissa * 1.000_001);
    }
}
