//! A fast hash for small keys that nobody chooses in order to collide, and names for what repeats.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

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
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.take(u64::from_le_bytes(word));
        }
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
