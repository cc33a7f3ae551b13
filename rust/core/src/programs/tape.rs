//! Circular tapes, seen from the head: two tapes are equal where the same is found by the same moves.

use std::fmt::Debug;
use std::hash::Hash;

/// A circular tape of symbols with a head on it.
pub trait Tape: Clone + Eq + Hash + Debug + Send + Sync {
    /// The symbol under the head.
    fn here(&self) -> u8;
    fn put(&mut self, symbol: u8);
    fn plus(&mut self);
    fn minus(&mut self);
    fn right(&mut self);
    fn left(&mut self);
    /// Forgets all but the cells within `reach` of the head.
    fn only(&mut self, reach: usize);
}

/// 64 cells of two symbols: the head's is bit 0, the one to its right is bit 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bits(u64);

impl Tape for Bits {
    #[inline(always)]
    fn here(&self) -> u8 {
        (self.0 & 1) as u8
    }

    #[inline(always)]
    fn put(&mut self, symbol: u8) {
        self.0 = (self.0 & !1) | u64::from(symbol);
    }

    #[inline(always)]
    fn plus(&mut self) {
        self.0 ^= 1;
    }

    #[inline(always)]
    fn minus(&mut self) {
        self.0 ^= 1;
    }

    #[inline(always)]
    fn right(&mut self) {
        self.0 = self.0.rotate_right(1);
    }

    #[inline(always)]
    fn left(&mut self) {
        self.0 = self.0.rotate_left(1);
    }

    fn only(&mut self, reach: usize) {
        let window = (1 << (2 * reach + 1)) - 1_u64;
        self.0 &= window.rotate_right(reach as u32);
    }
}

/// Any number of cells, of any symbols.
#[derive(Clone, Debug)]
pub struct Cells {
    cells: Box<[u8]>,
    head: usize,
    last: u8,
}

impl Cells {
    #[must_use]
    pub fn new(memory: usize, alphabet: usize) -> Self {
        Self {
            cells: vec![0; memory].into(),
            head: 0,
            last: (alphabet - 1) as u8,
        }
    }

    fn from_head(&self) -> impl Iterator<Item = &u8> {
        let (before, after) = self.cells.split_at(self.head);
        after.iter().chain(before)
    }
}

impl PartialEq for Cells {
    fn eq(&self, other: &Self) -> bool {
        self.cells[self.head] == other.cells[other.head] && self.from_head().eq(other.from_head())
    }
}

impl Eq for Cells {}

impl Hash for Cells {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let (before, after) = self.cells.split_at(self.head);
        [after, before].concat().hash(state);
    }
}

impl Tape for Cells {
    #[inline(always)]
    fn here(&self) -> u8 {
        self.cells[self.head]
    }

    #[inline(always)]
    fn put(&mut self, symbol: u8) {
        self.cells[self.head] = symbol;
    }

    #[inline(always)]
    fn plus(&mut self) {
        let cell = &mut self.cells[self.head];
        *cell = if *cell == self.last { 0 } else { *cell + 1 };
    }

    #[inline(always)]
    fn minus(&mut self) {
        let cell = &mut self.cells[self.head];
        *cell = if *cell == 0 { self.last } else { *cell - 1 };
    }

    #[inline(always)]
    fn right(&mut self) {
        self.head = if self.head + 1 == self.cells.len() {
            0
        } else {
            self.head + 1
        };
    }

    #[inline(always)]
    fn left(&mut self) {
        self.head = self.head.checked_sub(1).unwrap_or(self.cells.len() - 1);
    }

    fn only(&mut self, reach: usize) {
        let cells = self.cells.len();
        if 2 * reach + 1 >= cells {
            return;
        }
        for away in reach + 1..cells - reach {
            self.cells[(self.head + away) % cells] = 0;
        }
    }
}

/// How far from the start the head has been, to the left and to the right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    at: i32,
    left: i32,
    right: i32,
}

impl Reach {
    #[inline(always)]
    pub fn go(&mut self, by: i32) {
        self.at += by;
        self.left = self.left.min(self.at);
        self.right = self.right.max(self.at);
    }

    /// This way, then that one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self {
            at: self.at + next.at,
            left: self.left.min(self.at + next.left),
            right: self.right.max(self.at + next.right),
        }
    }

    /// How far from the start the head is.
    #[must_use]
    pub fn at(self) -> i32 {
        self.at
    }

    /// The same way again, so many times, `by` cells further each time; a bit more than that if the last time is cut short.
    #[must_use]
    pub fn drift(mut self, by: i32, times: i32) -> Self {
        self.at += by * times;
        self.left += by.min(0) * times;
        self.right += by.max(0) * times;
        self
    }

    /// The number of cells that were visited, of `memory`.
    #[must_use]
    pub fn cells(self, memory: usize) -> usize {
        memory.min((self.right - self.left) as usize + 1)
    }
}
