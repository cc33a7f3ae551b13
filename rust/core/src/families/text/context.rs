//! Where an episode stands: what was read of it, and which lines of the table that awakens.

use super::history::{History, Match, Recent};
use super::table::{NOWHERE, Table};
use crate::lanes::eight::LANES;
use serde::{Deserialize, Serialize};

/// What a specialist looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Specialist {
    /// So many bytes before this one.
    Order(u32),
    /// The letters since the last byte that is none, in either case.
    Word,
}

pub const LONGEST_ORDER: u32 = (size_of::<Recent>()) as u32;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    pub recent: Recent,
    /// How many bytes of the episode were read.
    pub seen: u32,
    word: u32,
    pub matched: Match,
    /// The bits of this byte, behind a 1.
    pub partial: u32,
    /// The bits of this half of it, behind a 1: the place in a line.
    pub place: u32,
    hashes: [u32; LANES],
    pub lines: [u32; LANES],
}

impl Context {
    pub fn new() -> Self {
        Self {
            recent: 0,
            seen: 0,
            word: 0,
            matched: Match::default(),
            partial: 1,
            place: 1,
            hashes: [0; LANES],
            lines: [NOWHERE; LANES],
        }
    }

    /// The bit that the match foretells.
    #[inline(always)]
    pub fn foretold(&self, history: &History) -> Option<u32> {
        if self.matched.length == 0 {
            return None;
        }
        let byte = u32::from(history.at(self.matched.place));
        // the bits so far are those of the byte, or the match would have ended
        let read = self.partial.ilog2();
        Some(byte >> (7 - read) & 1)
    }

    /// Goes on by a bit; tells whether half of a byte is complete.
    #[inline(always)]
    pub fn push(&mut self, y: u32) -> bool {
        self.partial = self.partial * 2 + y;
        self.place = self.place * 2 + y;
        self.place > 15
    }

    /// A byte is complete: the contexts of the next.
    #[inline(always)]
    pub fn turn(&mut self, specialists: &[Specialist]) -> u8 {
        let byte = self.partial as u8;
        self.recent = self.recent << 8 | Recent::from(byte);
        self.seen = self.seen.saturating_add(1);
        let folded = byte | 32;
        let is_letter = folded.is_ascii_lowercase() || byte >= 128;
        let longer = self.word.wrapping_add(u32::from(folded) + 1).wrapping_mul(0x2f0b_4c47);
        self.word = if is_letter { longer } else { 0 };
        self.partial = 1;
        self.hash(specialists);
        byte
    }

    #[inline(always)]
    pub fn hash(&mut self, specialists: &[Specialist]) {
        for (lane, specialist) in specialists.iter().enumerate() {
            let bytes = match *specialist {
                Specialist::Order(0) => 0,
                Specialist::Order(order) => self.recent & (Recent::MAX >> (8 * (LONGEST_ORDER - order))),
                Specialist::Word => Recent::from(self.word),
            };
            let (low, high) = (bytes as u64, (bytes >> 64) as u64);
            let mixed = (low ^ high.wrapping_mul(0xd6e8_feb8_6659_fd93)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ mixed >> 32).wrapping_add(lane as u64 + 1);
            self.hashes[lane] = (mixed.wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32) as u32;
        }
    }

    /// The bits of the first half of the byte, if it is complete.
    #[inline(always)]
    fn first_half(&self) -> Option<u32> {
        (self.partial > 1).then_some(self.partial & 15)
    }

    /// A half of a byte begins: the hashes of its lines.
    #[inline(always)]
    pub fn keys(&self) -> [u32; LANES] {
        let code = self.first_half().map_or(0, |half| half + 1).wrapping_mul(0x9e37_79b1);
        self.hashes.map(|hash| scramble(hash.wrapping_add(code)))
    }

    /// Goes to those lines: the orders 0 and 1 have their own, `find` finds the others.
    #[inline(always)]
    pub fn open(&mut self, specialists: &[Specialist], keys: [u32; LANES], mut find: impl FnMut(u32) -> u32) {
        let (before, first) = (self.recent as u32 & 255, self.first_half());
        for ((line, &specialist), key) in self.lines.iter_mut().zip(specialists).zip(keys) {
            *line = match specialist {
                Specialist::Order(order @ 0..=1) => Table::own(order, before, first),
                _ => find(key),
            };
        }
        self.place = 1;
    }
}

/// Every bit of the input moves every bit of the output (Murmur3's finish).
#[inline(always)]
fn scramble(x: u32) -> u32 {
    let x = (x ^ x >> 16).wrapping_mul(0x85eb_ca6b);
    let x = (x ^ x >> 13).wrapping_mul(0xc2b2_ae35);
    x ^ x >> 16
}
