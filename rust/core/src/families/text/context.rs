//! Where an episode stands: what was read of it, and which lines of the table that awakens.

use super::history::{Match, Recent};
use super::table::{NOWHERE, Table};
use crate::lanes::eight::LANES;
use serde::{Deserialize, Serialize};

/// What a specialist looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Specialist {
    /// So many bytes before this one.
    Order(u32),
    /// The letters since the last byte that is none, in either case.
    Word,
}

pub const LONGEST_ORDER: u32 = size_of::<Recent>() as u32;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    pub recent: Recent,
    /// How many bytes of the episode were read.
    pub seen: u32,
    word: u32,
    pub matched: Match,
    /// Where the bytes before this one were seen last.
    pub place_before: u32,
    /// The bits of this byte, behind a 1.
    pub partial: u32,
    /// The bits of this half of it, behind a 1: the place in a line.
    pub place: u32,
    /// The hashes of this half's contexts, and those of the next, which lack their last bit.
    keys: [u32; LANES],
    next: [u32; LANES],
    pub lines: [u32; LANES],
}

impl Context {
    /// An episode begins: as if zeros had been read.
    pub fn new(specialists: &[Specialist]) -> Self {
        let mut context = Self {
            recent: 0,
            seen: 0,
            word: 0,
            matched: Match::default(),
            place_before: 0,
            partial: 1,
            place: 1,
            keys: [0; LANES],
            next: [0; LANES],
            lines: [NOWHERE; LANES],
        };
        context.next = context.byte_keys(specialists, 0);
        context
    }

    /// The bit that the match foretells.
    #[inline(always)]
    pub fn foretold(&self) -> Option<u32> {
        let read = self.partial.ilog2();
        (self.matched.length > 0).then_some(u32::from(self.matched.byte) >> (7 - read) & 1)
    }

    /// Goes on by a bit, of which `foretold` was foretold; tells whether half of a byte is complete.
    #[inline(always)]
    pub fn push(&mut self, y: u32, foretold: Option<u32>) -> bool {
        if foretold.is_some_and(|bit| bit != y) {
            self.matched = Match::default();
        }
        self.partial = self.partial * 2 + y;
        self.place = self.place * 2 + y;
        self.place > 15
    }

    /// One bit before half of a byte is complete: sends for the lines of what follows. Those of a last bit of 0 and of 1
    /// are neighbours.
    #[inline(always)]
    pub fn prepare(&mut self, specialists: &[Specialist], near: u32, fetch: impl Fn(u32)) {
        let code = (self.partial & 7) + 1;
        self.next = if self.partial < 16 {
            let code = code.wrapping_mul(0x9e37_79b1);
            self.keys
                .map(|key| (key & !near) | (scramble(key.wrapping_add(code)) & near & !1))
        } else {
            let byte = (self.partial << 1) as u8;
            if specialists.last() == Some(&Specialist::Word) {
                fetch(self.word_key(byte | 1));
            }
            self.byte_keys(specialists, byte)
        };
        for (&key, specialist) in self.next.iter().zip(specialists) {
            if !matches!(specialist, Specialist::Order(0..=1)) {
                fetch(key);
            }
        }
    }

    /// The hashes of the contexts that end with `byte`, whose last bit is left out.
    #[inline(always)]
    fn byte_keys(&self, specialists: &[Specialist], byte: u8) -> [u32; LANES] {
        let recent = self.recent << 8 | Recent::from(byte & !1);
        let mut keys = [0; LANES];
        for (lane, (key, &specialist)) in keys.iter_mut().zip(specialists).enumerate() {
            *key = match specialist {
                Specialist::Order(order) => mix(recent << (8 * (LONGEST_ORDER - order).min(15)), lane as u64) & !1,
                Specialist::Word => self.word_key(byte),
            }
        }
        keys
    }

    /// The word that `byte` goes on with, or none.
    #[inline(always)]
    fn longer_word(&self, byte: u8) -> u32 {
        let folded = byte | 32;
        let is_letter = folded.is_ascii_lowercase() || byte >= 128;
        let longer = self.word.wrapping_add(u32::from(folded) + 1).wrapping_mul(0x2f0b_4c47);
        if is_letter { longer } else { 0 }
    }

    #[inline(always)]
    fn word_key(&self, byte: u8) -> u32 {
        scramble(self.longer_word(byte))
    }

    /// Half of a byte is complete, and `next` with it: goes to its lines. The orders 0 and 1 have their own, `find` finds the
    /// others.
    #[inline(always)]
    pub fn open(&mut self, specialists: &[Specialist], mut find: impl FnMut(u32) -> u32) {
        let last = if self.partial > 1 {
            self.partial & 1
        } else {
            self.recent as u32 & 1
        };
        self.keys = self.next.map(|key| key | last);
        let first = (self.partial > 1).then_some(self.partial & 15);
        for ((line, &specialist), key) in self.lines.iter_mut().zip(specialists).zip(&mut self.keys) {
            *line = match specialist {
                Specialist::Order(order @ 0..=1) => Table::own(order, self.recent as u32 & 255, first),
                Specialist::Word if first.is_none() => {
                    *key = scramble(self.word);
                    find(*key)
                }
                _ => find(*key),
            };
        }
        self.place = 1;
    }

    /// A byte is complete.
    #[inline(always)]
    pub fn turn(&mut self) -> u8 {
        let byte = self.partial as u8;
        self.word = self.longer_word(byte);
        self.recent = self.recent << 8 | Recent::from(byte);
        self.seen = self.seen.saturating_add(1);
        self.partial = 1;
        byte
    }
}

/// A hash of the last bytes that tells lanes apart.
#[inline(always)]
fn mix(bytes: Recent, lane: u64) -> u32 {
    let (low, high) = (bytes as u64, (bytes >> 64) as u64);
    let mixed = (high ^ low.wrapping_mul(0xd6e8_feb8_6659_fd93)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 32).wrapping_add(lane + 1);
    (mixed.wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32) as u32
}

/// Every bit of the input moves every bit of the output (Murmur3's finish).
#[inline(always)]
fn scramble(x: u32) -> u32 {
    let x = (x ^ x >> 16).wrapping_mul(0x85eb_ca6b);
    let x = (x ^ x >> 13).wrapping_mul(0xc2b2_ae35);
    x ^ x >> 16
}
