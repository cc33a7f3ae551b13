//! Words: tokens without brackets, as they stand between the brackets of a loop's body.
//!
//! Two words are the same if on every tape they print the same, leave the same and go the same way: they shift the same
//! cells by the same amounts, print the same cells at the same moments, and end at the same place. Of each such class one
//! of the shortest words is kept, and the others are counted, by length. Where a cell is known to be 0, a loop on it is
//! skipped whatever its body is; such dead loops are counted as letters of these words.

use super::hash::{Index, Names};
use super::token::Token;
use crate::threads;
use std::hash::{Hash, Hasher};

/// Numbers of programs by length in tokens, cut off at the longest wanted; names stand for equal ones.
#[derive(Clone, Debug)]
pub struct Counts {
    width: usize,
    names: Names<Vec<u64>>,
    rows: Vec<Vec<u64>>,
    products: super::hash::Map<(u32, u32), u32>,
    /// The products that were asked for last: two names and a third.
    lately: Vec<[u32; 3]>,
}

/// How many products are at hand.
const LATELY: usize = 1 << 12;

impl Counts {
    #[must_use]
    pub fn new(longest: usize) -> Self {
        let mut counts = Self {
            width: longest + 1,
            names: Names::default(),
            rows: Vec::new(),
            products: super::hash::Map::default(),
            lately: vec![[ONE; 3]; LATELY],
        };
        let mut one = vec![0; longest + 1];
        one[0] = 1;
        counts.name(&one);
        counts
    }

    pub fn name(&mut self, row: &[u64]) -> u32 {
        let (name, new) = self.names.number(row);
        if new {
            self.rows.push(row.to_vec());
        }
        name
    }

    /// The names of the rows of classes in order of length; most have nothing but a number at the longest length.
    fn names_of(&mut self, levels: &Levels, rows: &[u64]) -> Vec<u32> {
        let mut last: super::hash::Map<u64, u32> = super::hash::Map::default();
        let (mut names, mut rest) = (Vec::with_capacity(levels.places.len()), rows);
        let mut whole = vec![0; self.width];
        for (length, classes) in levels.ends.windows(2).enumerate() {
            whole[..length].fill(0);
            for _ in classes[0]..classes[1] {
                let (row, after) = rest.split_at(self.width - length);
                rest = after;
                let (longest, shorter) = (row[row.len() - 1], &row[..row.len() - 1]);
                let mut name = || {
                    whole[length..].copy_from_slice(row);
                    self.name(&whole)
                };
                names.push(if shorter.iter().any(|&count| count > 0) {
                    name()
                } else {
                    *last.entry(longest).or_insert_with(name)
                });
            }
        }
        names
    }

    #[must_use]
    pub fn row(&self, name: u32) -> &[u64] {
        &self.rows[name as usize]
    }

    /// How many ways there are to write one after the other.
    pub fn product(&mut self, a: u32, b: u32) -> u32 {
        if a == ONE || b == ONE {
            return a | b;
        }
        let place = (a.wrapping_mul(0x9e37_79b9) ^ b.wrapping_mul(0x85eb_ca6b)) as usize >> 8 & (LATELY - 1);
        let [x, y, known] = self.lately[place];
        if (x, y) == (a, b) {
            return known;
        }
        let name = self.products.get(&(a, b)).copied().unwrap_or_else(|| {
            let row = product(self.row(a), self.row(b), self.width);
            let name = self.name(&row);
            self.products.insert((a, b), name);
            name
        });
        self.lately[place] = [a, b, name];
        name
    }
}

/// The name of: one way to write nothing.
pub const ONE: u32 = 0;

fn product(a: &[u64], b: &[u64], width: usize) -> Vec<u64> {
    let mut row = vec![0; width];
    for (i, &x) in a.iter().enumerate().filter(|&(_, &x)| x > 0) {
        for (sum, &y) in row[i..].iter_mut().zip(b) {
            *sum += x * y;
        }
    }
    row
}

/// The number of all programs with matched brackets by length, with `straight` tokens that are not brackets.
#[must_use]
pub fn matched(straight: usize, longest: usize) -> Vec<u64> {
    let mut count = vec![1; longest + 1];
    for n in 1..=longest {
        let loops: u64 = (0..n.saturating_sub(1)).map(|i| count[i] * count[n - 2 - i]).sum();
        count[n] = straight as u64 * count[n - 1] + loops;
    }
    count
}

/// Where a word stands in a body, and what is known of the cell under the head there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the start of a loop's body: the cell is not 0; with two symbols, it is 1.
    Start = 0,
    /// After a loop: the cell is 0.
    After = 1,
}

/// The longest word.
const LONGEST: usize = 19;
/// More cells than a word can reach.
const CELLS: usize = 2 * LONGEST + 2;

/// What a word does: how much it shifts each cell, which cells it prints and how much they were shifted by then, and the
/// way it goes. Cells are counted from its start, around: on a short tape, words meet themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Deed {
    shifts: [u8; CELLS],
    prints: [(u8, u8); LONGEST],
    printed: u8,
    way: u8,
}

/// The symbols and the cells of a machine, of which words see at most [`CELLS`].
#[derive(Clone, Copy, Debug)]
struct Sizes {
    alphabet: usize,
    cells: usize,
}

impl Hash for Deed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.shifts);
        let prints = self.prints[..usize::from(self.printed)].iter();
        prints.for_each(|&(cell, amount)| state.write_u32(u32::from(cell) << 8 | u32::from(amount)));
        state.write_u32(u32::from(self.printed) << 8 | u32::from(self.way));
    }
}

impl Deed {
    fn nothing() -> Self {
        Self {
            shifts: [0; CELLS],
            prints: [(0, 0); LONGEST],
            printed: 0,
            way: 0,
        }
    }

    fn here(&mut self) -> &mut u8 {
        &mut self.shifts[usize::from(self.way)]
    }

    fn then(&self, token: Token, Sizes { alphabet, cells }: Sizes) -> Self {
        let mut next = *self;
        let last = (alphabet - 1) as u8;
        let amount = *next.here();
        match token {
            Token::Plus => *next.here() = if amount == last { 0 } else { amount + 1 },
            Token::Minus => *next.here() = if amount == 0 { last } else { amount - 1 },
            Token::Right => next.way = (self.way + 1) % cells as u8,
            Token::Left => next.way = (self.way + cells as u8 - 1) % cells as u8,
            _ => {
                next.prints[usize::from(next.printed)] = (next.way, amount);
                next.printed += 1;
            }
        }
        next
    }

    /// Whether the cell under the head is known to be 0 at the word's end.
    fn ends_at_zero(&self, place: Place, alphabet: usize) -> bool {
        let known = match place {
            Place::After => 0,
            Place::Start if alphabet == 2 => 1,
            Place::Start => return false,
        };
        self.way == 0 && (known + usize::from(self.shifts[0])).is_multiple_of(alphabet)
    }
}

/// The number of a word's class; 0 is the empty word.
pub type Word = u32;

/// No word.
pub const NONE: Word = u32::MAX;

/// All classes of words up to a length.
#[derive(Clone, Debug)]
pub struct Words {
    /// The kept words that go one token further, by the token's place in the list of straight tokens.
    pub next: Vec<[Word; 5]>,
    /// By place: the name of each class's counts.
    pub counts: [Vec<u32>; 2],
    /// By place: whether a loop after the word is dead.
    pub dead: [Vec<bool>; 2],
}

impl Words {
    /// All words of at most `longest` of the `straight` tokens, of a machine with so many symbols and cells; their counts get
    /// names in `counts`.
    #[must_use]
    pub fn new(straight: &[Token], (alphabet, memory): (usize, usize), longest: usize, counts: &mut Counts) -> Self {
        let cells = memory.min(CELLS);
        let (deeds, levels, goes, next) = classes(straight, Sizes { alphabet, cells }, longest);
        let dead = [Place::Start, Place::After].map(|place| {
            deeds
                .iter()
                .map(|deed| deed.ends_at_zero(place, alphabet))
                .collect::<Vec<_>>()
        });
        drop(deeds);
        let loops = matched(straight.len(), longest);
        let rows = threads::map(
            dead.iter().collect(),
            || (),
            |(), dead| rows(&levels, &goes, dead, &loops),
        );
        let mut rows = rows.iter().map(|rows| counts.names_of(&levels, rows));
        Self {
            next,
            counts: [(); 2].map(|()| rows.next().unwrap_or_default()),
            dead,
        }
    }
}

/// Where the counts of classes stand, a row each, from the class's own length on.
struct Levels {
    /// How many classes are shorter than each length.
    ends: Vec<usize>,
    /// By class: its row's place, less its length.
    places: Vec<u32>,
    /// Numbers in all rows.
    size: usize,
}

impl Levels {
    /// With so many classes shorter than each length up to the longest, and in all.
    fn new(ends: Vec<usize>) -> Self {
        let (mut places, mut size) = (Vec::with_capacity(ends[ends.len() - 1]), 0);
        for (length, classes) in ends.windows(2).enumerate() {
            for _ in classes[0]..classes[1] {
                places.push((size - length) as u32);
                size += ends.len() - 1 - length;
            }
        }
        Self { ends, places, size }
    }
}

type Classes = (Vec<Deed>, Levels, Vec<[Word; 5]>, Vec<[Word; 5]>);

/// The classes in order of length, where each goes by a token, and the same for kept words only.
///
/// Of the shortest words of a class the one is kept that prints each symbol first: what a loop prints within a limit of
/// steps, the others of its class print no sooner. The sum of the moments tells which: of up to nine
/// tokens one word is first with every symbol, as enumeration shows; of longer ones it is the first on the whole.
fn classes(straight: &[Token], sizes: Sizes, longest: usize) -> Classes {
    let mut index = Index::default();
    let mut deeds = vec![Deed::nothing()];
    index.place(&deeds[0], 0, |_| false);
    let mut goes = Vec::new();
    // of the kept word of each class: the sum of the moments at which it prints, and what it goes on from
    let mut moments = vec![0];
    let mut kept = vec![(0, 0)];
    let mut ends = vec![0, 1];
    for length in 1..=longest {
        let level = deeds.len();
        for from in ends[length - 1]..level {
            let mut all = [NONE; 5];
            for (i, &token) in straight.iter().enumerate() {
                let deed = deeds[from].then(token, sizes);
                let to = index.place(&deed, deeds.len(), |place| deeds[place] == deed);
                all[i] = to as Word;
                let moment = moments[from] + if token == Token::Print { length } else { 0 };
                if to == deeds.len() {
                    deeds.push(deed);
                    moments.push(moment);
                    kept.push((from, i));
                } else if to >= level && moment < moments[to] {
                    (moments[to], kept[to]) = (moment, (from, i));
                }
            }
            goes.push(all);
        }
        ends.push(deeds.len());
    }
    goes.resize(deeds.len(), [NONE; 5]);
    let mut next = vec![[NONE; 5]; deeds.len()];
    for (to, &(from, i)) in kept.iter().enumerate().skip(1) {
        next[from][i] = to as Word;
    }
    (deeds, Levels::new(ends), goes, next)
}

/// How many words of each length are of each class, dead loops included.
fn rows(levels: &Levels, goes: &[[Word; 5]], dead: &[bool], loops: &[u64]) -> Vec<u64> {
    let (place, longest) = (&levels.places, levels.ends.len() - 2);
    let mut rows = vec![0; levels.size];
    rows[0] = 1;
    for length in 0..longest {
        for from in 0..levels.ends[length + 1] {
            let row = place[from] as usize;
            let count = rows[row + length];
            if count == 0 {
                continue;
            }
            for &to in goes[from].iter().filter(|&&to| to != NONE) {
                rows[place[to as usize] as usize + length + 1] += count;
            }
            if dead[from] {
                for body in 0..(longest - length).saturating_sub(1) {
                    rows[row + length + 2 + body] += count * loops[body];
                }
            }
        }
    }
    rows
}
