//! What was read, and where each run of bytes was seen last: the trader of the longest match.

use crate::lanes::eight::ln;
use crate::lanes::prefetch::prefetch;
use serde::{Deserialize, Serialize};

/// So many equal bytes make a match.
pub const SHORTEST: u32 = 6;
/// Lengths of a match are told apart up to here.
pub const LONGEST: u32 = 32;
const LENGTHS: usize = LONGEST as usize + 1;

/// The last bytes of an episode, the most recent in the lowest place.
pub type Recent = u128;

#[derive(Clone, Debug)]
pub struct History {
    /// A ring of a power of two.
    pub ring: Vec<u8>,
    /// By hash of the last bytes: the place after them.
    pub places: Vec<u32>,
    /// Bytes read in all.
    pub read: u64,
}

/// Where the last match leads: the place of the byte that came next then, and how long the match is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    pub place: u32,
    pub length: u32,
    /// That byte.
    pub byte: u8,
}

impl History {
    /// A power of two of bytes, and a quarter as many places.
    pub fn new(bytes: usize) -> Self {
        Self {
            ring: vec![0; bytes],
            places: vec![0; bytes / 4],
            read: 0,
        }
    }

    pub fn memory_bytes(&self) -> usize {
        self.ring.len() + size_of_val(self.places.as_slice())
    }

    #[inline(always)]
    fn mask(&self) -> usize {
        self.ring.len() - 1
    }

    #[inline(always)]
    pub fn at(&self, place: u32) -> u8 {
        self.ring[place as usize & self.mask()]
    }

    #[inline(always)]
    fn key(&self, recent: Recent) -> usize {
        let bytes = (recent as u64) << (64 - 8 * SHORTEST);
        (bytes.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (self.places.len() - 1)
    }

    /// Sends for the place where the bytes `recent` were seen last.
    #[inline(always)]
    pub fn fetch(&self, recent: Recent) {
        prefetch(&self.places, self.key(recent));
    }

    /// That place, whose bytes are sent for.
    #[inline(always)]
    pub fn place(&self, recent: Recent) -> u32 {
        let place = self.places[self.key(recent)];
        prefetch(&self.ring, place as usize);
        place
    }

    /// The match that ends before `place`, if its last bytes are `recent`, of which `seen` belong to the episode.
    #[inline(always)]
    pub fn verify(&self, place: u32, recent: Recent, seen: u32) -> Match {
        let equal = |i: &u32| self.at(place.wrapping_sub(1 + i)) == (recent >> (8 * i)) as u8;
        let length = (0..seen.min(Recent::BITS / 8)).take_while(equal).count() as u32;
        if length < SHORTEST || place == self.head() {
            return Match::default();
        }
        let byte = self.at(place);
        Match { place, length, byte }
    }

    /// The match after the byte that it foretold; none if it was another or there is nothing more to follow.
    #[inline(always)]
    pub fn follow(&self, last: Match, byte: u8) -> Match {
        let place = self.after(last.place);
        if last.length == 0 || last.byte != byte || place == self.head() {
            return Match::default();
        }
        let length = (last.length + 1).min(LONGEST);
        let byte = self.at(place);
        Match { place, length, byte }
    }

    #[inline(always)]
    pub fn after(&self, place: u32) -> u32 {
        (place + 1) & self.mask() as u32
    }

    #[inline(always)]
    fn head(&self) -> u32 {
        (self.read & self.mask() as u64) as u32
    }

    /// Writes a byte down.
    #[inline(always)]
    pub fn append(&mut self, byte: u8) {
        let head = self.head() as usize;
        self.ring[head] = byte;
        self.read += 1;
    }

    /// Notes that what comes next was preceded by `recent`.
    #[inline(always)]
    pub fn note(&mut self, recent: Recent, seen: u32) {
        if seen >= SHORTEST {
            let key = self.key(recent);
            self.places[key] = self.head();
        }
    }
}

/// How far a match of each length is to be believed.
#[derive(Clone, Debug)]
pub struct Confidence {
    /// The probability that the bit which the match foretells happens.
    pub hits: [f32; LENGTHS],
}

impl Default for Confidence {
    fn default() -> Self {
        Self {
            hits: std::array::from_fn(|length| 1.0 - 1.0 / (length as f32 + 2.0)),
        }
    }
}

impl Confidence {
    const STEP: f32 = 0.01;

    #[inline(always)]
    pub fn logit(&self, length: u32) -> f32 {
        let hit = self.hits[length as usize % LENGTHS];
        ln(hit / (1.0 - hit))
    }

    #[inline(always)]
    pub fn learn(&mut self, length: u32, hit: bool) {
        let cell = &mut self.hits[length as usize % LENGTHS];
        *cell += (f32::from(u8::from(hit)) - *cell) * Self::STEP;
    }
}
