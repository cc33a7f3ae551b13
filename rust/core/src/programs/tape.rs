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
    symbols: Box<[u8]>,
    head: usize,
    last: u8,
}

impl Cells {
    #[must_use]
    pub fn new(memory: usize, alphabet: usize) -> Self {
        Self {
            symbols: vec![0; memory].into(),
            head: 0,
            last: (alphabet - 1) as u8,
        }
    }
}

impl Cells {
    /// Puts 0 everywhere.
    pub fn clear(&mut self) {
        self.symbols.fill(0);
        self.head = 0;
    }
}

impl PartialEq for Cells {
    fn eq(&self, other: &Self) -> bool {
        let (a, b, cells) = (&self.symbols, &other.symbols, self.symbols.len());
        if self.here() != other.here() || cells != other.symbols.len() {
            return false;
        }
        // cell `head + i` of one stands beside cell `head + i` of the other
        let ahead = if other.head >= self.head {
            other.head - self.head
        } else {
            other.head + cells - self.head
        };
        a[..cells - ahead] == b[ahead..] && a[cells - ahead..] == b[..ahead]
    }
}

impl Eq for Cells {}

impl Hash for Cells {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let (before, after) = self.symbols.split_at(self.head);
        [after, before].concat().hash(state);
    }
}

impl Tape for Cells {
    #[inline(always)]
    fn here(&self) -> u8 {
        self.symbols[self.head]
    }

    #[inline(always)]
    fn put(&mut self, symbol: u8) {
        self.symbols[self.head] = symbol;
    }

    #[inline(always)]
    fn plus(&mut self) {
        let cell = &mut self.symbols[self.head];
        *cell = if *cell == self.last { 0 } else { *cell + 1 };
    }

    #[inline(always)]
    fn minus(&mut self) {
        let cell = &mut self.symbols[self.head];
        *cell = if *cell == 0 { self.last } else { *cell - 1 };
    }

    #[inline(always)]
    fn right(&mut self) {
        self.head = if self.head + 1 == self.symbols.len() {
            0
        } else {
            self.head + 1
        };
    }

    #[inline(always)]
    fn left(&mut self) {
        self.head = self.head.checked_sub(1).unwrap_or(self.symbols.len() - 1);
    }

    fn only(&mut self, reach: usize) {
        let cells = self.symbols.len();
        if 2 * reach + 1 >= cells {
            return;
        }
        for away in reach + 1..cells - reach {
            self.symbols[(self.head + away) % cells] = 0;
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

    /// How far it has been, where no more than that matters.
    #[must_use]
    pub fn span(self) -> Span {
        let short = |cells: i32| cells.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        Span {
            left: short(self.left),
            right: short(self.right),
        }
    }

    /// The number of cells, of `memory`, that were visited on this way and a span after it.
    #[must_use]
    pub fn cells_with(self, span: Span, memory: usize) -> u32 {
        let (left, right) = (i32::from(span.left), i32::from(span.right));
        self.then(Self { at: 0, left, right }).cells(memory)
    }

    /// How far from the start the head is.
    #[must_use]
    pub fn at(self) -> i32 {
        self.at
    }

    /// The number of cells that were visited, of `memory`.
    #[must_use]
    pub fn cells(self, memory: usize) -> u32 {
        (memory as u32).min((self.right - self.left) as u32 + 1)
    }
}

/// How far from a start the head has been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    left: i16,
    right: i16,
}

impl Span {
    /// How many cells these are, on a long tape.
    #[must_use]
    pub fn cells(self) -> u32 {
        (i32::from(self.right) - i32::from(self.left)) as u32 + 1
    }

    /// Both this one, and the other one so many cells further.
    #[must_use]
    pub fn and(self, other: Self, by: i32) -> Self {
        let further = |cells: i16| (i32::from(cells) + by).clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        let (left, right) = (further(other.left), further(other.right));
        Self {
            left: if by < 0 { self.left.min(left) } else { self.left },
            right: if by > 0 { self.right.max(right) } else { self.right },
        }
    }
}
