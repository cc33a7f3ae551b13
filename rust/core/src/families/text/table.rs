//! Where the traders live: 64-byte lines, one for each context and half of a byte.
//!
//! A line holds a check and the 15 traders of the prefixes of four bits. Lines of the orders 0 and 1 have places of their
//! own; the others share the rest by hash, each in one of two neighbours: where it is, or where the less is lost.

use crate::lanes::prefetch::prefetch;

const WORDS: usize = 16;
const LINE: u32 = WORDS as u32;
/// Lines of a context of one byte at most: one for the first half, 16 for the second.
const OWN: u32 = 17;
/// The empty line, order 0, and 256 contexts of order 1; rounded up so that neighbours differ in the last bit.
const SHARED: u32 = (1 + OWN * 257).next_multiple_of(2);
/// Lines in a page of memory.
const PAGE: u32 = 64;
/// The own lines, a pair that is shared, and what it takes to begin at a cache line.
pub const LEAST_BYTES: usize = (SHARED as usize + 4) * LINE_BYTES;

pub const LINE_BYTES: usize = 4 * WORDS;
/// The first line stays empty: whose traders live nowhere reads it.
pub const NOWHERE: u32 = 0;

#[derive(Debug)]
pub struct Table {
    words: Vec<u32>,
    /// The word where the first cache line begins.
    start: usize,
    lines: u32,
    /// The first of the lines that are shared by hash; even.
    shared: u32,
}

impl Clone for Table {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.words.len() * size_of::<u32>());
        copy.words_mut().copy_from_slice(self.words());
        copy
    }
}

impl Table {
    /// At most so many bytes, and no fewer than `LEAST_BYTES`.
    pub fn new(bytes: usize) -> Self {
        let words = vec![0; bytes.max(LEAST_BYTES) / size_of::<u32>()];
        // neighbours share 128 bytes, which some processors fetch together
        let start = words.as_ptr().align_offset(2 * LINE_BYTES);
        Self {
            lines: ((words.len() - 2 * WORDS) / WORDS / 2 * 2) as u32,
            words,
            start,
            shared: SHARED,
        }
    }

    /// All lines, as they stand in memory.
    #[inline(always)]
    pub fn words(&self) -> &[u32] {
        &self.words[self.start..][..self.lines as usize * WORDS]
    }

    #[inline(always)]
    pub fn words_mut(&mut self) -> &mut [u32] {
        &mut self.words[self.start..][..self.lines as usize * WORDS]
    }

    pub fn memory_bytes(&self) -> usize {
        size_of_val(self.words.as_slice())
    }

    /// The line of order 0 or 1: the byte before (order 1), and what the first half was, if that is known.
    #[inline(always)]
    pub fn own(order: u32, before: u32, first: Option<u32>) -> u32 {
        (1 + (order * (1 + before)) * OWN + first.map_or(0, |half| 1 + half)) * LINE
    }

    /// Where the line of a hash is at home. Two hashes that differ in the last bit are neighbours.
    #[inline(always)]
    fn home(&self, hash: u32) -> u32 {
        let pairs = u64::from((self.lines - self.shared) / 2);
        (self.shared + ((u64::from(hash >> 1) * pairs) >> 31) as u32 * 2 + (hash & 1)) * LINE
    }

    /// The bits of a hash that choose among the lines of one page of memory, the rest being equal.
    #[inline(always)]
    pub fn near(&self) -> u32 {
        u32::MAX >> ((self.lines - self.shared) / PAGE).max(1).ilog2()
    }

    /// Sends for the lines where a hash, or the one that differs in the last bit, may be.
    #[inline(always)]
    pub fn fetch(&self, hash: u32) {
        prefetch(&self.words, self.start + self.home(hash) as usize);
    }

    /// The line of a hash, if it is there.
    #[inline(always)]
    pub fn find(&self, hash: u32) -> Option<u32> {
        let home = self.home(hash);
        let words = self.words();
        [home, home ^ LINE]
            .into_iter()
            .find(|&line| words[line as usize] == check(hash))
    }

    /// The line of a hash, made room for if it is not there.
    #[inline(always)]
    pub fn find_or_make(&mut self, hash: u32) -> u32 {
        self.find(hash).unwrap_or_else(|| self.make(hash))
    }

    #[inline(never)]
    fn make(&mut self, hash: u32) -> u32 {
        let home = self.home(hash);
        let words = self.words_mut();
        let visits = |line: u32| words[place(line, 1)] & 31;
        let other = home ^ LINE;
        let line = if visits(home) <= visits(other) { home } else { other };
        words[line as usize..][..WORDS].fill(0);
        words[line as usize] = check(hash);
        line
    }

    /// How many traders have been asked.
    pub fn traders(&self) -> u64 {
        let visited = |line: &[u32]| line[1..].iter().filter(|&&node| node & 31 > 0).count() as u64;
        self.words().chunks_exact(WORDS).map(visited).sum()
    }
}

/// The word of a trader: in a line, which goes by its first word, the bits of its prefix behind a 1.
#[inline(always)]
pub fn place(line: u32, prefix: u32) -> usize {
    (line | prefix % LINE) as usize
}

/// What a line remembers of its hash; never that of an empty line.
#[inline(always)]
fn check(hash: u32) -> u32 {
    hash.max(1)
}
