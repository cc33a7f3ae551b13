//! The bodies of loops: one for each class of bodies that do the same, and how many others it stands for, by length.
//!
//! Besides the classes of words between brackets, three rules hold on every tape: a loop on a cell that is known to be 0
//! is dead; right after a loop the cell is 0; a loop whose body is one loop and nothing else is that loop.

use super::token::{Code, Token};
use super::words::{Counts, NONE, Place, Word, Words};

/// A kept body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    pub code: Code,
    /// The name of its class's counts, lone loops around its own included.
    pub counts: u32,
}

/// A loop that is open while bodies are written.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// The name of the counts of all before the word that is being written.
    before: u32,
    word: Word,
    place: Place,
    /// Whether there is nothing but one loop before the word.
    lone: bool,
}

/// Writes all kept bodies.
struct Writer<'a> {
    straight: &'a [Token],
    words: &'a Words,
    counts: &'a mut Counts,
    /// The name of: one way to write nothing.
    one: u32,
    /// The name of: lone loops around a loop, none or more.
    around: u32,
    /// The name of: `[` and `]`, and lone loops around them.
    brackets: u32,
    stack: Vec<Level>,
    /// By length.
    bodies: Vec<Vec<Body>>,
}

/// All kept bodies of at most `longest` tokens, the shortest first; the same bodies in the same order for any `longest`.
#[must_use]
pub fn bodies(straight: &[Token], alphabet: usize, longest: usize, counts: &mut Counts) -> Vec<Body> {
    let words = Words::new(straight, alphabet, longest, counts);
    let mut row = vec![0; longest + 1];
    row[0] = 1;
    let one = counts.name(&row);
    let (around, brackets) = brackets(&words, counts, one, longest);
    let mut writer = Writer {
        straight,
        words: &words,
        counts,
        one,
        around,
        brackets,
        stack: Vec::new(),
        bodies: vec![Vec::new(); longest + 1],
    };
    writer.stack.push(writer.fresh());
    writer.write(Code::default(), longest);
    writer.bodies.concat()
}

/// 1 + y + y^2 + ..., y = x^2 times the ways to write nothing before and after a lone loop; and x^2 times that.
fn brackets(words: &Words, counts: &mut Counts, one: u32, longest: usize) -> (u32, u32) {
    let mut row = vec![0; longest + 1];
    if longest < 2 {
        return (one, counts.name(&row));
    }
    row[2] = 1;
    let pair = counts.name(&row);
    let nothing = counts.product(words.counts[0][0], words.counts[1][0]);
    let around = counts.product(pair, nothing);
    let (mut sum, mut term) = (vec![0; longest + 1], one);
    for _ in 0..=longest / 2 {
        sum.iter_mut().zip(counts.row(term)).for_each(|(sum, x)| *sum += x);
        term = counts.product(term, around);
    }
    let sum = counts.name(&sum);
    (sum, counts.product(pair, sum))
}

impl Writer<'_> {
    fn fresh(&self) -> Level {
        Level {
            before: self.one,
            word: 0,
            place: Place::Start,
            lone: false,
        }
    }

    /// Everything that goes on from a body so far, with `left` more at most.
    fn write(&mut self, code: Code, left: usize) {
        let depth = self.stack.len();
        let top = self.stack[depth - 1];
        let place = top.place as usize;
        let counts = self
            .counts
            .product(top.before, self.words.counts[place][top.word as usize]);
        if depth == 1 && !(top.lone && top.word == 0) {
            let counts = self.counts.product(counts, self.around);
            self.bodies[code.len()].push(Body { code, counts });
        }
        if left + 1 < depth {
            return;
        }
        if left + 1 > depth {
            for (i, &token) in self.straight.iter().enumerate() {
                let word = self.words.next[top.word as usize][i];
                if word != NONE {
                    self.stack[depth - 1].word = word;
                    self.write(code.then(token), left - 1);
                }
            }
            self.stack[depth - 1] = top;
        }
        if left > depth && !self.words.dead[place][top.word as usize] {
            self.open(top, counts, code.then(Token::Open), left - 1);
        }
        if depth > 1 && !(top.lone && top.word == 0) {
            self.close(top, counts, code.then(Token::Close), left - 1);
        }
    }

    fn open(&mut self, top: Level, counts: u32, code: Code, left: usize) {
        let depth = self.stack.len();
        // the loop is alone so far if nothing stands before it; what follows it is seen by its own word
        let lone = top.before == self.one && top.word == 0 && top.place == Place::Start;
        self.stack[depth - 1] = Level {
            before: counts,
            lone,
            ..top
        };
        self.stack.push(self.fresh());
        self.write(code, left);
        self.stack.pop();
        self.stack[depth - 1] = top;
    }

    fn close(&mut self, top: Level, counts: u32, code: Code, left: usize) {
        let depth = self.stack.len();
        self.stack.pop();
        let outer = self.stack[depth - 2];
        let within = self.counts.product(counts, self.brackets);
        self.stack[depth - 2] = Level {
            before: self.counts.product(outer.before, within),
            word: 0,
            place: Place::After,
            lone: outer.lone,
        };
        self.write(code, left);
        self.stack[depth - 2] = outer;
        self.stack.push(top);
    }
}
