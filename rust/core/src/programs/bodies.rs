//! The bodies of loops: one for each class of bodies that do the same, and how many others it stands for, by length.
//!
//! Besides the classes of words between brackets, three rules hold on every tape: a loop on a cell that is known to be 0
//! is dead; right after a loop the cell is 0; a loop whose body is one loop and nothing else is that loop.

use super::token::{Code, Token};
use super::words::{Counts, NONE, ONE, Place, Word, Words};

/// Room for a body and its brackets.
pub const ROOM: usize = 32;
/// Bodies are shared out among the workers by their first tokens.
const SHARED: usize = 2;

/// A kept body, ready to run: `[`, its tokens, `]`.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    pub code: Code,
    /// The name of its class's counts, lone loops around its own included.
    pub counts: u32,
    pub program: &'a [Token; ROOM],
    /// Where each bracket's partner is.
    pub partner: &'a [u8; ROOM],
}

/// Sees a beginning, and the body if it is one.
type Seen<'a> = dyn FnMut(Code, Option<(Body<'_>, &Counts)>) + 'a;

/// A loop that is open while bodies are written.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// The name of the counts of all before the word that is being written.
    before: u32,
    word: Word,
    place: Place,
    /// Whether there is nothing but one loop before the word.
    lone: bool,
    /// Where its `[` is.
    at: u8,
}

/// All kept bodies.
#[derive(Clone, Debug)]
pub struct Bodies {
    straight: Vec<Token>,
    words: Words,
    /// What a worker's counts begin with.
    counts: Counts,
    /// The name of: lone loops around a loop, none or more.
    around: u32,
    /// The name of: `[` and `]`, and lone loops around them.
    brackets: u32,
}

impl Bodies {
    /// Those of at most `longest` tokens, of a machine with so many symbols and cells.
    #[must_use]
    pub fn new(straight: &[Token], sizes: (usize, usize), longest: usize) -> Self {
        let mut counts = Counts::new(longest);
        let words = Words::new(straight, sizes, longest, &mut counts);
        let (around, brackets) = brackets(&words, &mut counts, longest);
        Self {
            straight: straight.to_vec(),
            words,
            counts,
            around,
            brackets,
        }
    }

    /// Counts of a worker's own.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// What bodies of at most `longest` tokens begin with: one part of the work each. A short beginning is that body alone.
    #[must_use]
    pub fn parts(&self, longest: usize) -> Vec<Code> {
        let mut parts = Vec::new();
        let mut counts = self.counts();
        self.write(&mut counts, longest, Code::default(), SHARED, &mut |code, _| {
            parts.push(code);
        });
        parts
    }

    /// Visits the bodies that begin so; if that is shorter than what is shared out, just the body itself.
    pub fn visit(&self, counts: &mut Counts, longest: usize, start: Code, found: &mut dyn FnMut(Body<'_>, &Counts)) {
        let until = if start.len() < SHARED { start.len() } else { longest };
        self.write(counts, longest, start, until, &mut |_, body| {
            if let Some((body, counts)) = body {
                found(body, counts);
            }
        });
    }

    /// Writes what begins with `start` and has at most `longest` tokens, as far as `until` tokens. Sees every beginning of
    /// that length and everything shorter that is a body.
    fn write(&self, counts: &mut Counts, longest: usize, start: Code, until: usize, seen: &mut Seen<'_>) {
        let mut writer = Writer {
            bodies: self,
            counts,
            start,
            longest,
            until,
            program: [Token::Close; ROOM],
            partner: [0; ROOM],
            stack: Vec::with_capacity(ROOM),
            seen,
        };
        writer.program[0] = Token::Open;
        writer.stack.push(fresh(0));
        writer.write(Code::default(), longest);
    }
}

/// A body that has just begun, with its `[` at `at`.
fn fresh(at: u8) -> Level {
    Level {
        before: ONE,
        word: 0,
        place: Place::Start,
        lone: false,
        at,
    }
}

/// 1 + y + y^2 + ..., y = x^2 times the ways to write nothing before and after a lone loop; and x^2 times that.
fn brackets(words: &Words, counts: &mut Counts, longest: usize) -> (u32, u32) {
    let mut row = vec![0; longest + 1];
    if longest < 2 {
        return (ONE, counts.name(&row));
    }
    row[2] = 1;
    let pair = counts.name(&row);
    let nothing = counts.product(words.counts[0][0], words.counts[1][0]);
    let around = counts.product(pair, nothing);
    let (mut sum, mut term) = (vec![0; longest + 1], ONE);
    for _ in 0..=longest / 2 {
        sum.iter_mut().zip(counts.row(term)).for_each(|(sum, x)| *sum += x);
        term = counts.product(term, around);
    }
    let sum = counts.name(&sum);
    (sum, counts.product(pair, sum))
}

/// Writes bodies, token after token.
struct Writer<'a, 'b> {
    bodies: &'a Bodies,
    counts: &'a mut Counts,
    start: Code,
    longest: usize,
    until: usize,
    program: [Token; ROOM],
    partner: [u8; ROOM],
    stack: Vec<Level>,
    seen: &'a mut Seen<'b>,
}

impl Writer<'_, '_> {
    /// Everything that goes on from a body so far, with `left` more tokens at most.
    fn write(&mut self, code: Code, left: usize) {
        let depth = self.stack.len();
        let top = self.stack[depth - 1];
        let lone = top.lone && top.word == 0;
        let words = &self.bodies.words;
        let counts = self
            .counts
            .product(top.before, words.counts[top.place as usize][top.word as usize]);
        self.show(code, counts, depth == 1 && !lone);
        if left + 1 < depth || code.len() == self.until {
            return;
        }
        if left >= depth {
            for i in 0..self.bodies.straight.len() {
                let word = words.next[top.word as usize][i];
                if word != NONE {
                    self.stack[depth - 1].word = word;
                    self.go(code, self.bodies.straight[i], left);
                }
            }
            self.stack[depth - 1] = top;
        }
        if left > depth && !words.dead[top.place as usize][top.word as usize] {
            self.open(top, counts, code, left);
        }
        if depth > 1 && !lone {
            self.close(top, counts, code, left);
        }
    }

    /// One token further, if the start has it there.
    fn go(&mut self, code: Code, token: Token, left: usize) {
        let next = code.then(token);
        let at = code.len();
        if at < self.start.len() && self.start.tokens().nth(at) != Some(token) {
            return;
        }
        self.program[at + 1] = token;
        self.write(next, left - 1);
    }

    fn show(&mut self, code: Code, counts: u32, whole: bool) {
        if code.len() < self.start.len() {
            return;
        }
        if !whole {
            if code.len() == self.until {
                (self.seen)(code, None);
            }
            return;
        }
        // loops around it make it longer by two at least
        let around = if code.len() + 2 > self.longest {
            ONE
        } else {
            self.bodies.around
        };
        let counts = self.counts.product(counts, around);
        let end = code.len() + 1;
        self.program[end] = Token::Close;
        (self.partner[0], self.partner[end]) = (end as u8, 0);
        let (program, partner) = (&self.program, &self.partner);
        let body = Body {
            code,
            counts,
            program,
            partner,
        };
        (self.seen)(code, Some((body, &*self.counts)));
    }

    fn open(&mut self, top: Level, counts: u32, code: Code, left: usize) {
        let depth = self.stack.len();
        // the loop is alone so far if nothing stands before it; what follows it is seen by its own word
        let lone = top.before == ONE && top.word == 0 && top.place == Place::Start;
        self.stack[depth - 1] = Level {
            before: counts,
            lone,
            ..top
        };
        self.stack.push(fresh(code.len() as u8 + 1));
        self.go(code, Token::Open, left);
        self.stack.pop();
        self.stack[depth - 1] = top;
    }

    fn close(&mut self, top: Level, counts: u32, code: Code, left: usize) {
        let depth = self.stack.len();
        self.stack.pop();
        let outer = self.stack[depth - 2];
        let within = self.counts.product(counts, self.bodies.brackets);
        self.stack[depth - 2] = Level {
            before: self.counts.product(outer.before, within),
            word: 0,
            place: Place::After,
            ..outer
        };
        let at = code.len() + 1;
        (self.partner[top.at as usize], self.partner[at]) = (at as u8, top.at);
        self.go(code, Token::Close, left);
        self.stack[depth - 2] = outer;
        self.stack.push(top);
    }
}
