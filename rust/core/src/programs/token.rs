//! The tokens of a program.

use crate::error::{MarketError, Result};
use std::fmt::{self, Display, Formatter, Write};

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Token {
    /// `+`: the cell's next symbol, around.
    Plus,
    /// `-`: the cell's symbol before, around.
    Minus,
    /// `>`: the next cell, around.
    Right,
    /// `<`: the cell before, around.
    Left,
    /// `[`: the start of a loop.
    Open,
    /// `]`: its end.
    Close,
    /// `.`: prints the cell.
    Print,
    /// `,`: writes the last revealed symbol into the cell; only history readers have it.
    Read,
}

use Token::{Close, Left, Minus, Open, Plus, Print, Read, Right};

/// All tokens, in the order of their codes.
pub const TOKENS: [Token; 8] = [Plus, Minus, Right, Left, Open, Close, Print, Read];

impl Token {
    #[must_use]
    pub fn sign(self) -> char {
        b"+-><[].,"[self as usize] as char
    }

    fn of(sign: char) -> Option<Self> {
        TOKENS.into_iter().find(|token| token.sign() == sign)
    }
}

/// A short program in one word: its length in the five lowest bits, then three bits a token, the first one lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u64);

impl Code {
    /// The longest program that fits.
    pub const LONGEST: usize = 19;

    /// A program of another kind of machine, packed its own way in 59 bits, and what counts as its length.
    #[must_use]
    pub fn packed(bits: u64, length: usize) -> Self {
        Self(bits << 5 | length as u64)
    }

    #[must_use]
    pub fn bits(self) -> u64 {
        self.0 >> 5
    }

    #[must_use]
    pub fn len(self) -> usize {
        (self.0 & 31) as usize
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn then(self, token: Token) -> Self {
        Self((self.0 | (token as u64) << (5 + 3 * self.len())) + 1)
    }

    /// This, then a loop with that body.
    #[must_use]
    pub fn then_loop(self, body: Self) -> Self {
        let open = self.then(Open);
        let bits = open.bits() | body.bits() << (3 * open.len());
        Self::packed(bits, open.len() + body.len()).then(Close)
    }

    pub fn tokens(self) -> impl Iterator<Item = Token> {
        (0..self.len()).map(move |i| TOKENS[(self.bits() >> (3 * i) & 7) as usize])
    }
}

impl Display for Code {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.tokens().try_for_each(|token| f.write_char(token.sign()))
    }
}

/// The tokens that move, change or print without a jump, in a machine of `alphabet` symbols.
#[must_use]
pub fn straight(alphabet: usize, reader: bool) -> Vec<Token> {
    let wanted = |&token: &Token| match token {
        Minus => alphabet > 2,
        Open | Close => false,
        Read => reader,
        _ => true,
    };
    TOKENS.into_iter().filter(wanted).collect()
}

/// The text of a program as tokens; a `{` is another way to write `[`.
pub fn parse(program: &str, reader: bool) -> Result<Vec<Token>> {
    let allowed = if reader { "+ - > < [ ] . ," } else { "+ - > < [ ] ." };
    let token = |(at, sign)| {
        let sign = if sign == '{' { '[' } else { sign };
        Token::of(sign).filter(|&token| reader || token != Read).ok_or_else(|| {
            MarketError::input(format!(
                "program {program:?}: {sign:?} at {at}; its tokens are {allowed}"
            ))
        })
    };
    program.chars().enumerate().map(token).collect()
}

/// Tokens as text.
#[must_use]
pub fn text(program: &[Token]) -> String {
    program.iter().map(|token| token.sign()).collect()
}

/// Where each bracket's partner is (other tokens: nowhere, 0).
pub fn matched(program: &[Token]) -> Result<Vec<usize>> {
    let mut partner = vec![0; program.len()];
    let mut open = Vec::new();
    for (at, token) in program.iter().enumerate() {
        match token {
            Open => open.push(at),
            Close => {
                let start = open.pop().ok_or_else(|| unmatched(program, ']', at))?;
                (partner[start], partner[at]) = (at, start);
            }
            _ => (),
        }
    }
    open.pop().map_or(Ok(partner), |at| Err(unmatched(program, '[', at)))
}

fn unmatched(program: &[Token], sign: char, at: usize) -> MarketError {
    let program = text(program);
    MarketError::input(format!(
        "program {program:?}: the {sign:?} at {at} has no partner; match the brackets, or use machine=\"brainphoque\""
    ))
}
