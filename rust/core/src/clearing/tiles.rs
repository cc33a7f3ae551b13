//! The cut of traders into tiles that stay in the cache, and work on them in parallel.

use super::Part;
use crate::lanes::budgets;
use crate::threads;
use std::ops::Range;

/// Traders in a tile, a multiple of the lanes of a sum.
pub const TILE: usize = 512;
/// Tiles that one task works on in turn.
const RUN: usize = 8;
/// Traders times outcomes from which worker threads are worth waking.
const ENOUGH: usize = 1 << 16;
/// Numbers that all tasks' matrices may hold together.
const ROOM: usize = 1 << 23;

pub fn places_of(traders: usize) -> usize {
    traders.next_multiple_of(budgets::LANES)
}

/// Consecutive traders of one part.
#[derive(Clone)]
pub struct Tile<'a> {
    pub part: &'a Part<'a>,
    pub range: Range<usize>,
}

impl<'a> Tile<'a> {
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Its places: its traders, filled up to whole lanes.
    pub fn stride(&self) -> usize {
        places_of(self.len())
    }

    pub fn stakes(&self) -> &'a [f64] {
        &self.part.stakes[self.range.clone()]
    }

    pub fn row(&self, outcome: usize) -> &'a [f64] {
        &self.part.rows[outcome][self.range.clone()]
    }

    /// Where the next tile's row begins.
    pub fn ahead(&self, outcome: usize) -> &'a [f64] {
        &self.part.rows[outcome][self.range.end..]
    }

    pub fn trader(&self, i: usize) -> usize {
        self.part.traders.index(self.range.start + i)
    }
}

/// How the traders of one call are cut.
#[derive(Clone)]
pub struct Cut<'a> {
    tiles: Vec<Tile<'a>>,
    places: usize,
    outcomes: usize,
    threads_ok: bool,
}

impl<'a> Cut<'a> {
    pub fn new(parts: &'a [Part<'a>], outcomes: usize, threads_ok: bool) -> Self {
        let (mut tiles, mut places) = (Vec::new(), 0);
        for part in parts {
            let n = part.stakes.len();
            for start in (0..n).step_by(TILE) {
                let range = start..(start + TILE).min(n);
                tiles.push(Tile { part, range });
            }
            places += places_of(n);
        }
        let threads_ok = threads_ok && places * outcomes >= ENOUGH;
        Self {
            tiles,
            places,
            outcomes,
            threads_ok,
        }
    }

    /// Places for a number for every trader, part by part, each part's filled up to whole lanes.
    pub fn places(&self) -> usize {
        self.places
    }

    pub fn outcomes(&self) -> usize {
        self.outcomes
    }

    /// Runs of tiles, each one task. `matrices`: whether a task sums a number for every two outcomes.
    pub fn tasks(&self, matrices: bool) -> impl ExactSizeIterator<Item = &[Tile<'a>]> {
        let most = if matrices {
            ROOM / (self.outcomes * self.outcomes)
        } else {
            usize::MAX
        };
        self.tiles.chunks(RUN.max(self.tiles.len().div_ceil(most.max(1))))
    }

    /// Works on every item, in parallel where it pays, and keeps their order.
    pub fn map<T: Send, S: Send, R: Send>(
        &self,
        items: impl Iterator<Item = T>,
        scratch: impl Fn() -> S + Sync + Send,
        work: impl Fn(&mut S, T) -> R + Sync + Send,
    ) -> Vec<R> {
        if self.threads_ok {
            return threads::map(items.collect(), scratch, work);
        }
        let mut held = scratch();
        items.map(|item| work(&mut held, item)).collect()
    }

    /// Adds up what every tile adds to `width` sums, in the order of tiles.
    pub fn sums(&self, width: usize, add: impl Fn(&Tile<'a>, &mut [f64], &mut [f64]) + Sync + Send) -> Vec<f64> {
        let work = |scratch: &mut Vec<f64>, tiles: &[Tile<'a>]| {
            let mut sums = vec![0.0; width];
            tiles
                .iter()
                .for_each(|tile| add(tile, &mut scratch[..tile.len()], &mut sums));
            sums
        };
        total(self.map(self.tasks(false), || self.row(), work))
    }

    /// Room for a number for every trader of a tile.
    pub fn row(&self) -> Vec<f64> {
        vec![0.0; TILE.min(self.places)]
    }
}

/// The sum of vectors, in their order.
pub fn total(parts: Vec<Vec<f64>>) -> Vec<f64> {
    let sum = |mut sums: Vec<f64>, more: Vec<f64>| {
        sums.iter_mut().zip(more).for_each(|(a, b)| *a += b);
        sums
    };
    parts.into_iter().reduce(sum).unwrap_or_default()
}

/// A slice that is handed out piece by piece.
pub struct Pieces<'a, T>(pub &'a mut [T]);

impl<'a, T> Pieces<'a, T> {
    pub fn take(&mut self, n: usize) -> &'a mut [T] {
        let (piece, after) = std::mem::take(&mut self.0).split_at_mut(n);
        self.0 = after;
        piece
    }
}
