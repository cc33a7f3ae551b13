//! A book of accounts that never underflow, tile by tile.

use crate::accounts::tile::{Tile, TileMut, TileRef};
use crate::real::{Real, pow2};
use crate::scaled::Scaled;

/// Traders in a tile: its wealth and a row of forecasts stay in a core's second-level cache. The size fixes the order of
/// every sum, hence the last bits of every result.
pub const TILE: usize = 8192;

/// The wealth of all traders, in units that its owner knows (see `Accounts::total`).
#[derive(Clone, Debug, PartialEq)]
pub struct Book<F> {
    pub mantissas: Vec<F>,
    pub tiles: Vec<Tile>,
}

impl<F: Real> Book<F> {
    #[must_use]
    pub fn empty(traders: usize) -> Self {
        Self {
            mantissas: vec![F::ZERO; traders],
            tiles: vec![Tile::EMPTY; traders.div_ceil(TILE)],
        }
    }

    /// A book that holds `value(i)` for trader i.
    pub fn from_values(traders: usize, value: impl Fn(usize) -> Scaled) -> Self {
        let mut book = Self::empty(traders);
        for (t, mut tile) in book.tiles_mut().enumerate() {
            tile.assign(|_, i| value(t * TILE + i));
        }
        book
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.mantissas.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mantissas.is_empty()
    }

    #[must_use]
    pub fn value(&self, i: usize) -> Scaled {
        self.tile(i / TILE).value(i % TILE)
    }

    #[must_use]
    pub fn tile(&self, t: usize) -> TileRef<'_, F> {
        let end = ((t + 1) * TILE).min(self.mantissas.len());
        TileRef {
            m: &self.mantissas[t * TILE..end],
            tile: &self.tiles[t],
        }
    }

    pub fn tile_mut(&mut self, t: usize) -> TileMut<'_, F> {
        let end = ((t + 1) * TILE).min(self.mantissas.len());
        TileMut {
            m: &mut self.mantissas[t * TILE..end],
            tile: &mut self.tiles[t],
        }
    }

    pub fn tiles_mut(&mut self) -> impl Iterator<Item = TileMut<'_, F>> {
        self.mantissas
            .chunks_mut(TILE)
            .zip(&mut self.tiles)
            .map(|(m, tile)| TileMut { m, tile })
    }

    #[must_use]
    pub fn sum(&self) -> Scaled {
        let sums: Vec<_> = (0..self.tiles.len()).map(|t| self.tile(t).sum()).collect();
        Scaled::sum(sums.iter().copied())
    }

    /// Puts `value` into account i; sums of its tile must be taken anew.
    pub fn set(&mut self, i: usize, value: Scaled) {
        self.tile_mut(i / TILE).set(i % TILE, value);
    }

    /// What share each account is of the same account in `whole`, at most 1; 1 where there is nothing.
    #[must_use]
    pub fn part_of(&self, whole: &Self) -> Vec<f64> {
        let mut shares = Vec::with_capacity(self.len());
        for t in 0..self.tiles.len() {
            let (part, all) = (self.tile(t), whole.tile(t));
            let unit = pow2(part.tile.exponent - all.tile.exponent);
            let share = |x: f64, y: f64| if y == 0.0 { 1.0 } else { (x / y).min(1.0) };
            if part.tile.drained.is_empty() && all.tile.drained.is_empty() && unit.is_normal() {
                let pairs = part.m.iter().zip(all.m);
                shares.extend(pairs.map(|(x, y)| share(x.to_f64() * unit, y.to_f64())));
            } else {
                let exact = |i: usize| {
                    if all.value(i).is_zero() {
                        1.0
                    } else {
                        (part.value(i) / all.value(i)).to_f64()
                    }
                };
                shares.extend((0..part.m.len()).map(|i| exact(i).min(1.0)));
            }
        }
        shares
    }

    /// Takes another book's size; the accounts are to be copied tile by tile with [`TileMut::copy_from`].
    pub fn fit(&mut self, traders: usize) {
        self.mantissas.resize(traders, F::ZERO);
        self.tiles.resize(traders.div_ceil(TILE), Tile::EMPTY);
    }

    /// Bytes of state.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let drained: usize = self.tiles.iter().map(|t| t.drained.bytes()).sum();
        self.mantissas.len() * size_of::<F>() + self.tiles.len() * size_of::<Tile>() + drained
    }
}
