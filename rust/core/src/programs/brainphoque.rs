//! `BrainPhoque` (Grau-Moya et al. 2024): a program is endless, and each token is drawn as the pointer first comes to it.
//!
//! A loop that is skipped has no body yet. It is written later, at the program's end, when it is first entered; a loop
//! that is entered at once gets its continuation there when it is first left. `]` jumps back without a condition, and
//! does nothing if no loop is open; `[` decides. Each of these is a step.

use super::run::{Event, Machine};
use super::tape::{Cells, Reach, Tape};
use super::token::Token;

const NOWHERE: u32 = u32::MAX;

/// A token as it stands in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Straight(Token),
    /// `[`: its body follows it, its continuation stands elsewhere.
    BodyNext,
    /// `{`: its continuation follows it, its body stands elsewhere.
    BodyElsewhere,
    Close,
}

/// The machine; it wants a token whenever its pointer passes the program's end.
#[derive(Clone, Debug)]
pub struct BrainPhoque {
    program: Vec<Op>,
    /// Brackets: the last token before where they lead.
    leads: Vec<u32>,
    /// Loops whose `]` has not been written, the innermost last.
    open: Vec<u32>,
    at: usize,
    tape: Cells,
    reach: Reach,
    memory: usize,
}

/// A state of a run.
#[derive(Clone, Debug)]
pub struct State {
    at: usize,
    tokens: usize,
    place: i32,
    tape: Cells,
}

impl BrainPhoque {
    #[must_use]
    pub fn new(alphabet: usize, memory: usize) -> Self {
        Self {
            program: Vec::with_capacity(64),
            leads: Vec::with_capacity(64),
            open: Vec::new(),
            at: 0,
            tape: Cells::new(memory, alphabet),
            reach: Reach::default(),
            memory,
        }
    }

    /// Begins again with no program.
    pub fn reset(&mut self) {
        self.program.clear();
        self.leads.clear();
        self.open.clear();
        self.tape.clear();
        self.at = 0;
        self.reach = Reach::default();
    }

    /// The tokens it was given so far, in the order in which they were evaluated.
    #[must_use]
    pub fn text(&self) -> String {
        let sign = |op: &Op| match op {
            Op::Straight(token) => token.sign() as u8,
            Op::BodyNext => b'[',
            Op::BodyElsewhere => b'{',
            Op::Close => b']',
        };
        let signs = self.program.iter().map(sign).collect();
        String::from_utf8(signs).unwrap_or_default()
    }

    /// The number of tokens it was given so far.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.program.len()
    }

    /// The state, for comparison with later ones.
    #[must_use]
    pub fn state(&self) -> State {
        State {
            at: self.at,
            tokens: self.program.len(),
            place: self.reach.at(),
            tape: self.tape.clone(),
        }
    }

    /// Whether the future is that of an earlier state.
    #[must_use]
    pub fn is_as(&self, state: &State) -> bool {
        self.at == state.at && self.program.len() == state.tokens && self.tape == state.tape
    }

    /// Whether it visits the same cells as since an earlier state of the same future, as long as that goes on.
    #[must_use]
    pub fn stays(&self, state: &State) -> bool {
        self.reach.at() == state.place || self.cells() as usize == self.memory
    }

    /// Goes to the token after `place`, or past the end if there is none: `leads` remembers it.
    fn go_elsewhere(&mut self) -> bool {
        let known = self.leads[self.at] != NOWHERE;
        if !known {
            self.leads[self.at] = (self.program.len() - 1) as u32;
        }
        self.at = self.leads[self.at] as usize;
        known
    }
}

impl Machine for BrainPhoque {
    #[inline(always)]
    fn step(&mut self, heard: u8) -> Event {
        let Some(&op) = self.program.get(self.at) else {
            return Event::Wants;
        };
        let mut event = Event::Silent;
        match op {
            Op::Straight(Token::Plus) => self.tape.plus(),
            Op::Straight(Token::Minus) => self.tape.minus(),
            Op::Straight(Token::Right) => {
                self.tape.right();
                self.reach.go(1);
            }
            Op::Straight(Token::Left) => {
                self.tape.left();
                self.reach.go(-1);
            }
            Op::Straight(Token::Print) => event = Event::Printed(self.tape.here()),
            Op::Straight(Token::Read) => self.tape.put(heard),
            Op::Straight(Token::Open | Token::Close) => unreachable!("brackets are ops of their own"),
            Op::BodyNext => {
                if self.tape.here() == 0 {
                    self.go_elsewhere();
                }
            }
            Op::BodyElsewhere => {
                let opened = self.at as u32;
                if self.tape.here() != 0 && !self.go_elsewhere() {
                    self.open.push(opened);
                }
            }
            Op::Close if self.leads[self.at] != NOWHERE => {
                self.at = self.leads[self.at] as usize;
                return Event::Back;
            }
            Op::Close => (),
        }
        self.at += 1;
        event
    }

    fn give(&mut self, token: Token) {
        let at = self.program.len() as u32;
        let mut lead = NOWHERE;
        let op = match token {
            Token::Open if self.tape.here() == 0 => Op::BodyElsewhere,
            Token::Open => {
                self.open.push(at);
                Op::BodyNext
            }
            Token::Close => {
                lead = self.open.pop().unwrap_or(NOWHERE);
                Op::Close
            }
            straight => Op::Straight(straight),
        };
        self.program.push(op);
        self.leads.push(lead);
    }

    fn same_future(&self, other: &Self) -> bool {
        self.at == other.at && self.program.len() == other.program.len() && self.tape == other.tape
    }

    fn cells(&self) -> u32 {
        self.reach.cells(self.memory)
    }
}
