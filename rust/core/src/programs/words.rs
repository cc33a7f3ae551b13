//! Words: tokens without brackets, as they stand between the brackets of a loop's body.
//!
//! Two words are the same if on every tape they print the same, leave the same and go the same way: they shift the same
//! cells by the same amounts, print the same cells at the same moments, and end at the same place. Of each such class one
//! of the shortest words is kept, and the others are counted, by length. Where a cell is known to be 0, a loop on it is
//! skipped whatever its body is; such dead loops are counted as letters of these words.

use super::hash::Names;
use super::token::Token;

/// Numbers of programs by length in tokens, cut off at the longest wanted; names stand for equal ones.
#[derive(Clone, Debug)]
pub struct Counts {
    width: usize,
    names: Names<Vec<u64>>,
    rows: Vec<Vec<u64>>,
    products: super::hash::Map<(u32, u32), u32>,
}

impl Counts {
    #[must_use]
    pub fn new(longest: usize) -> Self {
        Self {
            width: longest + 1,
            names: Names::default(),
            rows: Vec::new(),
            products: super::hash::Map::default(),
        }
    }

    pub fn name(&mut self, row: &[u64]) -> u32 {
        let (name, new) = self.names.number(row);
        if new {
            self.rows.push(row.to_vec());
        }
        name
    }

    #[must_use]
    pub fn row(&self, name: u32) -> &[u64] {
        &self.rows[name as usize]
    }

    /// How many ways there are to write one after the other.
    pub fn product(&mut self, a: u32, b: u32) -> u32 {
        if let Some(&known) = self.products.get(&(a, b)) {
            return known;
        }
        let row = product(self.row(a), self.row(b), self.width);
        let name = self.name(&row);
        self.products.insert((a, b), name);
        name
    }
}

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

/// What a word does: cells and amounts, cells and amounts printed, the way it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Deed {
    shifts: Vec<(i8, u8)>,
    prints: Vec<(i8, u8)>,
    way: i8,
}

impl Deed {
    fn amount(&self, cell: i8) -> u8 {
        let found = self.shifts.binary_search_by_key(&cell, |&(at, _)| at);
        found.map_or(0, |i| self.shifts[i].1)
    }

    fn shift(&mut self, by: u8, alphabet: usize) {
        let amount = ((usize::from(self.amount(self.way)) + usize::from(by)) % alphabet) as u8;
        match self.shifts.binary_search_by_key(&self.way, |&(at, _)| at) {
            Ok(i) if amount == 0 => drop(self.shifts.remove(i)),
            Ok(i) => self.shifts[i].1 = amount,
            Err(i) => self.shifts.insert(i, (self.way, amount)),
        }
    }

    fn then(&self, token: Token, alphabet: usize) -> Self {
        let mut next = self.clone();
        match token {
            Token::Plus => next.shift(1, alphabet),
            Token::Minus => next.shift((alphabet - 1) as u8, alphabet),
            Token::Right => next.way += 1,
            Token::Left => next.way -= 1,
            _ => next.prints.push((self.way, self.amount(self.way))),
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
        self.way == 0 && (known + usize::from(self.amount(0))).is_multiple_of(alphabet)
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
    /// All words of at most `longest` of the `straight` tokens; their counts get names in `counts`.
    #[must_use]
    pub fn new(straight: &[Token], alphabet: usize, longest: usize, counts: &mut Counts) -> Self {
        let (deeds, goes, next) = classes(straight, alphabet, longest);
        let dead = [Place::Start, Place::After].map(|place| {
            deeds
                .iter()
                .map(|deed| deed.ends_at_zero(place, alphabet))
                .collect::<Vec<_>>()
        });
        drop(deeds);
        let loops = matched(straight.len(), longest);
        let names = [0, 1].map(|place| {
            let rows = rows(&goes, &dead[place], &loops, longest);
            rows.chunks_exact(longest + 1).map(|row| counts.name(row)).collect()
        });
        Self {
            next,
            counts: names,
            dead,
        }
    }
}

type Classes = (Vec<Deed>, Vec<[Word; 5]>, Vec<[Word; 5]>);

/// The classes in order of length, where each goes by a token, and the same for kept words only.
fn classes(straight: &[Token], alphabet: usize, longest: usize) -> Classes {
    let mut names = Names::default();
    let mut deeds = vec![Deed::default()];
    names.number(&deeds[0]);
    let (mut goes, mut next) = (Vec::new(), Vec::new());
    let mut done = 0;
    for _ in 0..longest {
        for from in done..deeds.len() {
            let (mut all, mut kept) = ([NONE; 5], [NONE; 5]);
            for (i, &token) in straight.iter().enumerate() {
                let deed = deeds[from].then(token, alphabet);
                let (to, new) = names.number(&deed);
                all[i] = to;
                if new {
                    kept[i] = to;
                    deeds.push(deed);
                }
            }
            goes.push(all);
            next.push(kept);
        }
        done = goes.len();
    }
    goes.resize(deeds.len(), [NONE; 5]);
    next.resize(deeds.len(), [NONE; 5]);
    (deeds, goes, next)
}

/// (classes, lengths): how many words of each length are of each class, dead loops included.
fn rows(goes: &[[Word; 5]], dead: &[bool], loops: &[u64], longest: usize) -> Vec<u64> {
    let width = longest + 1;
    let mut rows = vec![0; goes.len() * width];
    rows[0] = 1;
    for length in 0..longest {
        for (from, to) in goes.iter().enumerate() {
            let count = rows[from * width + length];
            if count == 0 {
                continue;
            }
            for &to in to.iter().filter(|&&to| to != NONE) {
                rows[to as usize * width + length + 1] += count;
            }
            if dead[from] {
                for body in 0..(longest - length).saturating_sub(1) {
                    rows[from * width + length + 2 + body] += count * loops[body];
                }
            }
        }
    }
    rows
}
