//! A fast hash for small keys that nobody chooses in order to collide, and names for what repeats.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

/// Multiply and fold; the same on every machine and in every process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fold(u64);

impl Fold {
    #[inline(always)]
    fn take(&mut self, word: u64) {
        let wide = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_d6e8_feb8_6659_fd93;
        self.0 = (wide as u64) ^ ((wide >> 64) as u64).rotate_left(29);
    }
}

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|&word| self.take(u64::from_le_bytes(word)));
        let last = rest
            .iter()
            .fold(rest.len() as u64, |word, &byte| word << 8 | u64::from(byte));
        self.take(last);
    }

    fn write_u8(&mut self, word: u8) {
        self.take(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.take(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.take(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.take(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub type Map<K, V> = HashMap<K, V, BuildHasherDefault<Fold>>;

/// Where the things of a list stand, by a hash of what tells them apart.
#[derive(Clone, Debug, Default)]
pub struct Index(Map<u64, u32>);

impl Index {
    /// The place of a thing in a list, which `same` tells, or `new`, where it is to be put at once.
    pub fn place(&mut self, thing: &(impl Hash + ?Sized), new: usize, same: impl Fn(usize) -> bool) -> usize {
        let mut key = BuildHasherDefault::<Fold>::default().hash_one(thing);
        loop {
            let place = *self.0.entry(key).or_insert(new as u32) as usize;
            if place == new || same(place) {
                return place;
            }
            key = key.wrapping_add(1);
        }
    }
}

/// Gives each distinct value a number, in the order in which they come.
#[derive(Clone, Debug)]
pub struct Names<T> {
    numbers: Map<T, u32>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self {
            numbers: Map::default(),
        }
    }
}

impl<T: Eq + Hash> Names<T> {
    /// The value's number, and whether it is new.
    pub fn number<Q>(&mut self, value: &Q) -> (u32, bool)
    where
        Q: Eq + Hash + ?Sized + ToOwned<Owned = T>,
        T: Borrow<Q>,
    {
        if let Some(&known) = self.numbers.get(value) {
            return (known, false);
        }
        let new = self.numbers.len() as u32;
        self.numbers.insert(value.to_owned(), new);
        (new, true)
    }
}
