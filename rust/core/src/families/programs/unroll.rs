//! What one program prints, as far as it is asked for, and for ever where its state comes back.

use crate::error::Result;
use crate::programs::brainfuck::Brainfuck;
use crate::programs::brainphoque::BrainPhoque;
use crate::programs::futures::Future;
use crate::programs::run::Watch;
use crate::programs::tape::Bits;
use crate::programs::token::{Code, Token, matched, parse};
use crate::programs::turing::{self, Table};
use crate::programs::{Event, Limits, Machine};
use std::sync::Arc;

/// A program, in one word where that is enough.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Script {
    Short(Code),
    Long(Arc<[Token]>),
}

impl Script {
    #[must_use]
    pub fn new(tokens: &[Token]) -> Self {
        if tokens.len() > Code::LONGEST {
            Self::Long(tokens.into())
        } else {
            Self::Short(tokens.iter().fold(Code::default(), |code, &token| code.then(token)))
        }
    }

    /// The number of its tokens; of a table, of its transitions.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Short(code) => code.len(),
            Self::Long(tokens) => tokens.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn tokens(&self) -> Vec<Token> {
        match self {
            Self::Short(code) => code.tokens().collect(),
            Self::Long(tokens) => tokens.to_vec(),
        }
    }
}

/// The machines whose programs predict by what they print, whatever they hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printer {
    Brainfuck,
    BrainPhoque,
    /// Tables of so many states.
    Turing(usize),
}

/// What is known of a program's symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrolled {
    /// For ever; where the cycle is empty nothing comes after the first ones.
    Known(Future),
    /// The first ones.
    Open(Vec<u8>),
}

impl Printer {
    /// The program as text.
    #[must_use]
    pub fn text(self, script: &Script) -> String {
        match (self, script) {
            (Self::Turing(states), Script::Short(code)) => Table::of(*code, states).to_string(),
            _ => script.tokens().iter().map(|token| token.sign()).collect(),
        }
    }

    /// The program of a text.
    pub fn script(self, text: &str) -> Result<Script> {
        match self {
            Self::Turing(states) => Ok(Script::Short(Table::parse(text, states)?.code())),
            Self::BrainPhoque => Ok(Script::new(&parse(text, false)?)),
            Self::Brainfuck => {
                let tokens = parse(text, false)?;
                matched(&tokens).map(|_| Script::new(&tokens))
            }
        }
    }

    /// Runs a program until it has printed `symbols`, or it is known what it prints for ever. One that takes more than
    /// `limits.steps` for a symbol after the first `limits.max_output` is taken to print nothing more.
    pub fn unroll(self, script: &Script, limits: &Limits, symbols: usize) -> Result<Unrolled> {
        let tokens = match (self, script) {
            (Self::Turing(states), Script::Short(code)) => return Ok(table(&Table::of(*code, states), symbols)),
            _ => script.tokens(),
        };
        match self {
            Self::BrainPhoque => {
                let mut machine = BrainPhoque::new(limits.alphabet, limits.memory);
                let mut tokens = tokens.into_iter();
                let step = |machine: &mut BrainPhoque| loop {
                    match machine.step(0) {
                        Event::Wants => match tokens.next() {
                            Some(token) => machine.give(token),
                            None => return Event::Halted,
                        },
                        event => return event,
                    }
                };
                Ok(follow(&mut machine, step, limits, symbols))
            }
            _ if limits.alphabet == 2 && limits.memory == 64 => {
                let mut machine = Brainfuck::on(Bits::default(), &tokens, limits.memory)?;
                Ok(follow(&mut machine, |machine| machine.step(0), limits, symbols))
            }
            _ => {
                let mut machine = Brainfuck::new(&tokens, limits.alphabet, limits.memory)?;
                Ok(follow(&mut machine, |machine| machine.step(0), limits, symbols))
            }
        }
    }
}

/// A table prints at every step until it halts.
fn table(table: &Table, symbols: usize) -> Unrolled {
    let mut output = Vec::new();
    let (end, ..) = turing::run(table, symbols as u32, symbols, &mut output);
    match end {
        turing::End::Steps => Unrolled::Open(output),
        turing::End::Missing(..) => Unrolled::Known(Future::new(&output, &[])),
    }
}

fn follow<M: Machine>(
    machine: &mut M,
    mut step: impl FnMut(&mut M) -> Event,
    limits: &Limits,
    symbols: usize,
) -> Unrolled {
    let (mut output, mut watch) = (Vec::new(), Watch::<M>::new());
    // the first ones have come in time by all that was enumerated, if not from this example
    let mut left = limits.steps.saturating_mul(64);
    while output.len() < symbols {
        if left == 0 {
            return Unrolled::Known(Future::new(&output, &[]));
        }
        left -= 1;
        match step(machine) {
            Event::Silent => (),
            Event::Printed(symbol) => {
                output.push(symbol);
                if output.len() >= limits.max_output {
                    left = limits.steps;
                }
            }
            Event::Halted | Event::Wants => return Unrolled::Known(Future::new(&output, &[])),
            Event::Back => {
                let printed = output.len();
                let kept = watch.turn(|state| machine.same_future(state), || machine.clone(), printed, 0);
                if let Some((_, since, _)) = kept {
                    return Unrolled::Known(Future::new(&output[..since], &output[since..]));
                }
            }
        }
    }
    Unrolled::Open(output)
}
