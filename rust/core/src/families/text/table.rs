//! Where the traders live: 64-byte lines, one for each context and half of a byte.
//!
//! A line holds a check and the 15 traders of the prefixes of four bits. Lines of the orders 0 and 1 have places of their
//! own; the others share the rest by hash, each in one of two neighbours: where it is, or where the less is lost.

use crate::error::{MarketError, Result};
use crate::lanes::prefetch::prefetch;
use memmap2::MmapMut;

const WORDS: usize = 16;
const LINE: u32 = WORDS as u32;
/// Lines of a context of one byte at most: one for the first half, 16 for the second.
const OWN: u32 = 17;
/// The empty line, order 0, and 256 contexts of order 1; rounded up so that neighbours differ in the last bit.
const SHARED: u32 = (1 + OWN * 257).next_multiple_of(2);
/// Lines in a page of memory.
const PAGE: u32 = 64;
/// The own lines and a page that is shared.
pub const LEAST_BYTES: usize = (SHARED + PAGE).next_multiple_of(PAGE) as usize * LINE_BYTES;

pub const LINE_BYTES: usize = 4 * WORDS;
/// The first line stays empty: whose traders live nowhere reads it.
pub const NOWHERE: u32 = 0;

#[derive(Debug)]
pub struct Table {
    /// The lines, in pages of the largest size that the system has: else most steps would wait for an address.
    memory: MmapMut,
    lines: u32,
    /// The first of the lines that are shared by hash; even.
    shared: u32,
}

impl Table {
    /// At most so many bytes, and no fewer than `LEAST_BYTES`.
    pub fn new(bytes: usize) -> Result<Self> {
        let lines = bytes.max(LEAST_BYTES) / LINE_BYTES / PAGE as usize * PAGE as usize;
        let bytes = lines * LINE_BYTES;
        let memory = MmapMut::map_anon(bytes).map_err(|source| {
            MarketError::input(format!(
                "no {bytes} bytes of memory for traders ({source}); give less memory_mib"
            ))
        })?;
        #[cfg(target_os = "linux")]
        let _ = memory.advise(memmap2::Advice::HugePage); // where there are none, it is only slower
        Ok(Self {
            memory,
            lines: lines as u32,
            shared: SHARED,
        })
    }

    /// An independent copy.
    pub fn copy(&self) -> Result<Self> {
        let mut copy = Self::new(self.memory_bytes())?;
        copy.words_mut().copy_from_slice(self.words());
        Ok(copy)
    }

    /// All lines, as they stand in memory.
    #[inline(always)]
    pub fn words(&self) -> &[u32] {
        bytemuck::cast_slice(&self.memory)
    }

    #[inline(always)]
    pub fn words_mut(&mut self) -> &mut [u32] {
        bytemuck::cast_slice_mut(&mut self.memory)
    }

    pub fn memory_bytes(&self) -> usize {
        self.memory.len()
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

    /// Sends for the line of a hash. Its neighbour lies in the same 128 bytes, which processors like to bring together;
    /// asking for both was no faster.
    #[inline(always)]
    pub fn fetch(&self, hash: u32) {
        prefetch(self.words(), self.home(hash) as usize);
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
    (line | (prefix % LINE)) as usize
}

/// What a line remembers of its hash; never that of an empty line.
#[inline(always)]
fn check(hash: u32) -> u32 {
    hash.max(1)
}
