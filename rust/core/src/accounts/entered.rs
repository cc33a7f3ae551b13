//! The prior of those who have entered: the traders' own book, seen with 0 for everybody who is still absent.
//!
//! No second book is kept. A tile in which somebody is absent is copied when it is read, and scaled as a book of its own
//! would be: its richest entered trader near `2^TOP`. Hence the levies have the bits that they have on such a book.

use crate::accounts::book::{Book, TILE};
use crate::accounts::calendar::Calendar;
use crate::accounts::narrow::narrow;
use crate::accounts::tile::{Tile, TileMut, TileRef};
use crate::lanes;
use crate::real::{Real, pow2};
use crate::scaled::Scaled;
use std::sync::{Arc, Weak};

/// The prior shares of those who have entered, 0 for the others.
#[derive(Clone, Debug)]
pub struct Entered<F> {
    book: Arc<Book<F>>,
    calendar: Arc<Calendar>,
    /// The rank of those who enter next; `None` when all have.
    next: Option<u32>,
    /// How each tile is read; empty where all have entered.
    views: Arc<[View]>,
}

/// What tells one [`Entered`] from another: the traders' book, which it keeps from being put elsewhere, and who enters next.
#[derive(Clone, Debug)]
pub struct Mark<F>(Weak<Book<F>>, Option<u32>);

/// How a tile is read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum View {
    /// As it is: nobody in it is absent.
    Whole,
    /// The absent left out, everybody else at the scale that goes with it. Nobody is drained.
    Scaled { exponent: i64, floor: f64, ceiling: f64 },
    /// Some are drained, and the scale is found again each time.
    Anew { drained: bool },
}

/// The copy of a tile without its absent; good for one market at one time.
#[derive(Debug)]
pub struct Copied<F> {
    m: Vec<F>,
    tile: Tile,
    /// Which tile it is.
    held: Option<usize>,
}

impl<F> Default for Copied<F> {
    fn default() -> Self {
        Self {
            m: Vec::new(),
            tile: Tile::EMPTY,
            held: None,
        }
    }
}

impl<F: Real> Entered<F> {
    /// All but those who enter from rank `next` on.
    #[must_use]
    pub fn new(book: Arc<Book<F>>, calendar: Arc<Calendar>, next: Option<u32>) -> Self {
        let mut entered = Self {
            book,
            calendar,
            next,
            views: Arc::default(),
        };
        if next.is_some() {
            let mut copied = Copied::default();
            let view = |t: usize| entered.view(t, &mut copied);
            entered.views = (0..entered.book.tiles.len()).map(view).collect();
        }
        entered
    }

    fn view(&self, t: usize, copied: &mut Copied<F>) -> View {
        if !(t * TILE..t * TILE + self.book.tile(t).m.len()).any(|j| self.is_absent(j)) {
            return View::Whole;
        }
        self.copy_anew(t, copied);
        let Tile {
            exponent,
            floor,
            ceiling,
            ..
        } = copied.tile;
        // without its rich a tile is scaled up, so that nobody is drained who was not
        let drained = !copied.tile.drained.is_empty();
        if self.book.tiles[t].drained.is_empty() && !drained && floor.is_finite() {
            View::Scaled {
                exponent,
                floor,
                ceiling,
            }
        } else {
            View::Anew { drained }
        }
    }

    #[must_use]
    pub fn mark(&self) -> Mark<F> {
        Mark(Arc::downgrade(&self.book), self.next)
    }

    /// Whether the mark is of these shares.
    #[must_use]
    pub fn has(&self, mark: &Mark<F>) -> bool {
        mark.0.as_ptr() == Arc::as_ptr(&self.book) && mark.1 == self.next
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.book.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.book.is_empty()
    }

    /// The rank of those who enter next.
    #[must_use]
    pub fn next(&self) -> Option<u32> {
        self.next
    }

    /// The episode at which they do.
    #[must_use]
    pub fn next_episode(&self) -> Option<u64> {
        self.next.map(|rank| self.calendar.episode(rank))
    }

    #[must_use]
    #[inline]
    pub fn is_absent(&self, trader: usize) -> bool {
        self.next.is_some_and(|next| self.calendar.rank(trader) >= next)
    }

    /// Those who have not entered, in the order in which they will.
    #[must_use]
    pub fn absent(&self) -> Vec<u32> {
        let Some(next) = self.next else { return Vec::new() };
        self.calendar
            .within(next, u32::MAX)
            .into_iter()
            .map(|(_, j)| j)
            .collect()
    }

    #[must_use]
    pub fn value(&self, trader: usize) -> Scaled {
        if self.is_absent(trader) {
            return Scaled::ZERO;
        }
        self.book.value(trader)
    }

    /// Tile t, if need be by way of a copy.
    pub fn tile<'a>(&'a self, t: usize, copied: &'a mut Copied<F>) -> TileRef<'a, F> {
        match self.views.get(t) {
            None | Some(View::Whole) => return self.book.tile(t),
            Some(_) if copied.held == Some(t) => {}
            Some(&View::Scaled {
                exponent,
                floor,
                ceiling,
            }) => {
                let tile = Tile {
                    exponent,
                    floor,
                    ceiling,
                    ..Tile::EMPTY
                };
                self.copy_scaled(t, tile, copied);
            }
            Some(View::Anew { .. }) => self.copy_anew(t, copied),
        }
        copied.held = Some(t);
        TileRef {
            m: &copied.m,
            tile: &copied.tile,
        }
    }

    /// Copies a tile without its absent to a scale that is known.
    fn copy_scaled(&self, t: usize, tile: Tile, copied: &mut Copied<F>) {
        let (whole, next) = (self.book.tile(t), self.next.unwrap_or(u32::MAX));
        // in two steps, as in `normalise`: powers of two, so both are exact
        let shift = whole.tile.exponent - tile.exponent;
        let scale = [shift / 2, shift - shift / 2].map(|half| F::from_f64(pow2(half)));
        copied.tile = tile;
        copied.m.resize(whole.m.len(), F::ZERO);
        narrow!(self.calendar.ranks(), ranks => {
            let ranks = &ranks[t * TILE..t * TILE + whole.m.len()];
            lanes::scale_before(&mut copied.m, whole.m, ranks, next, (scale[0], scale[1]));
        });
    }

    /// Copies a tile without its absent and finds its scale.
    fn copy_anew(&self, t: usize, copied: &mut Copied<F>) {
        let whole = self.book.tile(t);
        copied.m.clear();
        copied.m.extend_from_slice(whole.m);
        copied.tile.clone_from(whole.tile);
        for (i, x) in copied.m.iter_mut().enumerate() {
            if self.is_absent(t * TILE + i) {
                *x = F::ZERO;
            }
        }
        TileMut {
            m: &mut copied.m,
            tile: &mut copied.tile,
        }
        .normalise();
    }

    /// The sum over those who have entered.
    #[must_use]
    pub fn sum(&self) -> Scaled {
        let mut copied = Copied::default();
        let sums: Vec<_> = (0..self.book.tiles.len())
            .map(|t| self.tile(t, &mut copied).sum())
            .collect();
        Scaled::sum(sums.iter().copied())
    }

    /// As a book: the traders' own where all have entered.
    #[must_use]
    pub fn book(&self) -> Arc<Book<F>> {
        let mut book = Arc::clone(&self.book);
        if self.next.is_some() {
            for (t, mut tile) in Arc::make_mut(&mut book).tiles_mut().enumerate() {
                tile.m.iter_mut().enumerate().for_each(|(i, x)| {
                    if self.is_absent(t * TILE + i) {
                        *x = F::ZERO;
                    }
                });
                tile.normalise();
            }
        }
        book
    }

    /// Whether any tile has drained traders.
    #[must_use]
    pub fn has_drained(&self) -> bool {
        self.book
            .tiles
            .iter()
            .enumerate()
            .any(|(t, tile)| match self.views.get(t) {
                None | Some(View::Whole) => !tile.drained.is_empty(),
                Some(View::Scaled { .. }) => false,
                Some(View::Anew { drained }) => *drained,
            })
    }

    /// Bytes beside the book and the calendar.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.views)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Read tile by tile, an entered book is the copy that it stands for, to the last bit.
    fn check<F: Real>(bits: &[f64], episodes: &[u64]) {
        let n = bits.len();
        let book = Arc::new(Book::<F>::from_values(n, |j| Scaled::from_bits(bits[j])));
        let calendar = Arc::new(Calendar::new(
            &(0..n).map(|j| episodes[j % episodes.len()]).collect::<Vec<_>>(),
        ));
        let mut next = calendar.after(0);
        loop {
            let entered = Entered::new(Arc::clone(&book), Arc::clone(&calendar), next);
            let copy = entered.book();
            let mut copied = Copied::default();
            // there and back, so that a tile that is held is read again, and left
            for t in (0..copy.tiles.len()).chain((0..copy.tiles.len()).rev()) {
                let tile = entered.tile(t, &mut copied);
                assert!(tile.m == copy.tile(t).m);
                if entered.views.get(t).is_some_and(|view| *view != View::Whole) {
                    assert_eq!(tile.tile, copy.tile(t).tile);
                }
            }
            for j in 0..n {
                let late = next.is_some_and(|rank| calendar.rank(j) >= rank);
                let expected = if late { Scaled::ZERO } else { book.value(j) };
                assert_eq!(entered.value(j), expected);
                assert_eq!(copy.value(j), expected);
            }
            assert_eq!(entered.sum(), copy.sum());
            assert_eq!(
                entered.has_drained(),
                copy.tiles.iter().any(|tile| !tile.drained.is_empty())
            );
            match next {
                Some(rank) => next = calendar.after(rank),
                None => return assert!(Arc::ptr_eq(&copy, &book)),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_view_is_the_copy_it_stands_for(
            some in prop::collection::vec(prop_oneof![3 => 5.0..60.0, 1 => 60.0..400.0, 1 => 400.0..9000.0], 1..30),
            plain in any::<bool>(),
            n in prop_oneof![1..40usize, TILE - 1..TILE + 40],
            episodes in prop::collection::vec(prop_oneof![Just(0u64), 1..5u64], 1..17),
        ) {
            let most: f64 = if plain { 100.0 } else { f64::INFINITY };
            let bits: Vec<_> = (0..n).map(|j| most.min(some[j * 7 % some.len()]) + (j % 3) as f64).collect();
            check::<f64>(&bits, &episodes);
            check::<f32>(&bits, &episodes);
        }
    }
}
