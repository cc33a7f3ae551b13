//! Whole numbers, one a trader, in as few bytes each as the largest of them needs.
//!
//! Beside its two accounts a trader has little room: 8 bytes (see `Market::bytes`). Groups, depths and dates are small
//! numbers as a rule, and any number as an exception.

/// An unsigned number of 1, 2 or 4 bytes.
pub trait Number: Copy + Into<u32> + TryFrom<u32> {
    /// The lowest bytes of a wider number.
    #[must_use]
    fn low(wide: u32) -> Self;
}

macro_rules! numbers {
    ($($number:ty),*) => { $(impl Number for $number {
        #[inline(always)]
        #[allow(clippy::cast_possible_truncation)]
        fn low(wide: u32) -> Self {
            wide as Self
        }
    })* };
}
numbers!(u8, u16, u32);

/// A vector of numbers that is made wider when a number does not fit.
#[derive(Clone, Debug, PartialEq)]
pub enum Narrow {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

/// `$work` on the vector inside, whatever its type.
macro_rules! narrow {
    ($numbers:expr, $held:ident => $work:expr) => {
        match $numbers {
            $crate::accounts::narrow::Narrow::U8($held) => $work,
            $crate::accounts::narrow::Narrow::U16($held) => $work,
            $crate::accounts::narrow::Narrow::U32($held) => $work,
        }
    };
}
pub(crate) use narrow;

#[inline(always)]
fn wide(number: impl Number) -> u32 {
    number.into()
}

/// A number that the caller knows to fit.
fn fit<N: Number>(value: u32) -> N {
    N::try_from(value).unwrap_or_else(|_| panic!("{value} does not fit into {} bytes", size_of::<N>()))
}

impl Narrow {
    pub const EMPTY: Self = Self::U8(Vec::new());

    /// Bytes of each of some numbers up to `most`.
    #[must_use]
    pub fn width(most: u32) -> usize {
        match most {
            0..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 4,
        }
    }

    /// `len` zeros, with room for numbers up to `most`.
    #[must_use]
    pub fn zeros(len: usize, most: u32) -> Self {
        match Self::width(most) {
            1 => Self::U8(vec![0; len]),
            2 => Self::U16(vec![0; len]),
            _ => Self::U32(vec![0; len]),
        }
    }

    /// The given numbers, none of which is above `most`.
    pub fn of(numbers: impl Iterator<Item = u32>, most: u32) -> Self {
        match Self::width(most) {
            1 => Self::U8(numbers.map(fit).collect()),
            2 => Self::U16(numbers.map(fit).collect()),
            _ => Self::U32(numbers.collect()),
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        narrow!(self, held => held.len())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number i; 0 beyond the end.
    #[must_use]
    #[inline]
    pub fn at(&self, i: usize) -> u32 {
        narrow!(self, held => held.get(i).map_or(0, |&x| wide(x)))
    }

    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len()).map(|i| self.at(i))
    }

    /// The largest number; 0 where there is none.
    #[must_use]
    pub fn most(&self) -> u32 {
        // in the numbers' own type, of which a vector holds the most
        narrow!(self, held => wide(held.iter().fold(0, |most, &x| x.max(most))))
    }

    /// The largest number that fits without more bytes.
    fn limit(&self) -> u32 {
        match self {
            Self::U8(_) => u8::MAX.into(),
            Self::U16(_) => u16::MAX.into(),
            Self::U32(_) => u32::MAX,
        }
    }

    /// Makes room for numbers up to `most`.
    pub fn widen(&mut self, most: u32) {
        if most > self.limit() {
            *self = Self::of(self.iter(), most);
        }
    }

    /// Makes room for every number to grow by `more`.
    pub fn widen_by(&mut self, more: u32) {
        if self.limit() < u32::MAX {
            self.widen(self.most().saturating_add(more));
        }
    }

    /// Puts `value` into the place of number i.
    pub fn set(&mut self, i: usize, value: u32) {
        self.widen(value);
        narrow!(self, held => held[i] = fit(value));
    }

    /// Takes the length `len`, with zeros where there was nothing.
    pub fn resize(&mut self, len: usize) {
        narrow!(self, held => held.resize(len, 0));
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        fn size<N>(held: &[N]) -> usize {
            size_of_val(held)
        }
        narrow!(self, held => size(held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_take_the_bytes_that_the_largest_needs() {
        for (most, bytes) in [(1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4), (u32::MAX, 4)] {
            let given = [0, 1, most / 2, most];
            let mut grown = Narrow::zeros(4, 0);
            given.iter().enumerate().for_each(|(i, &x)| grown.set(i, x));
            let made = Narrow::of(given.into_iter(), most);
            for numbers in [&made, &grown] {
                assert_eq!(numbers.iter().collect::<Vec<_>>(), given);
                assert_eq!((numbers.most(), numbers.bytes()), (most, 4 * bytes));
                assert_eq!(numbers.at(4), 0);
            }
        }
    }

    #[test]
    fn room_is_made_before_a_number_runs_over() {
        let mut numbers = Narrow::of([250, 3].into_iter(), 255);
        numbers.widen_by(5);
        assert!(matches!(numbers, Narrow::U8(_)));
        numbers.widen_by(6);
        assert!(matches!(&numbers, Narrow::U16(held) if held[..] == [250, 3]));
    }
}
