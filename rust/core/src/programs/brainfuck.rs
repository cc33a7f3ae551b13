//! Brainfuck with output: matched brackets, `[` skips its loop where the cell is 0, `]` jumps back where it is not.

use super::run::{Event, Machine};
use super::tape::{Cells, Reach, Tape};
use super::token::{Token, matched};
use crate::error::Result;
use std::sync::Arc;

/// The machine, on any tape. `,` writes what was last heard into the cell.
#[derive(Clone, Debug)]
pub struct Brainfuck<T> {
    program: Arc<[Token]>,
    partner: Arc<[usize]>,
    at: usize,
    tape: T,
    reach: Reach,
    memory: usize,
}

impl Brainfuck<Cells> {
    pub fn new(program: &[Token], alphabet: usize, memory: usize) -> Result<Self> {
        Self::on(Cells::new(memory, alphabet), program, memory)
    }
}

impl<T: Tape> Brainfuck<T> {
    /// The machine on a blank tape of so many cells.
    pub fn on(tape: T, program: &[Token], memory: usize) -> Result<Self> {
        Ok(Self {
            partner: matched(program)?.into(),
            program: program.into(),
            at: 0,
            tape,
            reach: Reach::default(),
            memory,
        })
    }
}

impl<T: Tape> Machine for Brainfuck<T> {
    fn step(&mut self, heard: u8) -> Event {
        let Some(&token) = self.program.get(self.at) else {
            return Event::Halted;
        };
        let mut event = Event::Silent;
        match token {
            Token::Plus => self.tape.plus(),
            Token::Minus => self.tape.minus(),
            Token::Right => {
                self.tape.right();
                self.reach.go(1);
            }
            Token::Left => {
                self.tape.left();
                self.reach.go(-1);
            }
            Token::Open if self.tape.here() == 0 => self.at = self.partner[self.at],
            Token::Close if self.tape.here() != 0 => {
                self.at = self.partner[self.at];
                event = Event::Back;
            }
            Token::Open | Token::Close => (),
            Token::Print => event = Event::Printed(self.tape.here()),
            Token::Read => self.tape.put(heard),
        }
        self.at += 1;
        event
    }

    fn give(&mut self, _token: Token) {}

    fn same_future(&self, other: &Self) -> bool {
        self.at == other.at && self.tape == other.tape
    }

    fn cells(&self) -> u32 {
        self.reach.cells(self.memory)
    }
}
