//! Programs as predictors: run on until the next symbol, with what happened to be read by `,`.

use super::behaviours::{Ending, Example, Share};
use super::brainfuck::Brainfuck;
use super::brainphoque::BrainPhoque;
use super::enumerate::Enumeration;
use super::plain::every;
use super::prior::{Prior, code};
use super::run::{Event, Limits, Machine};
use super::tape::Cells;
use super::token::{Code, Token, parse, straight};
use crate::error::{MarketError, Result};

/// The machines that run a program given as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Brainfuck,
    BrainPhoque,
    /// Brainfuck with `,`.
    Reader,
}

impl Kind {
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "brainfuck" => Ok(Self::Brainfuck),
            "brainphoque" => Ok(Self::BrainPhoque),
            "reader" => Ok(Self::Reader),
            _ => Err(MarketError::input(format!(
                "machine {name:?} runs no text; give \"brainfuck\", \"brainphoque\" or \"reader\""
            ))),
        }
    }
}

/// A machine of any kind, with its program.
#[derive(Clone, Debug)]
pub enum Loaded {
    Brainfuck(Brainfuck<Cells>),
    BrainPhoque(BrainPhoque, std::vec::IntoIter<Token>),
}

impl Loaded {
    pub fn new(program: &str, kind: Kind, limits: &Limits) -> Result<Self> {
        limits.check()?;
        let tokens = parse(program, kind == Kind::Reader)?;
        Ok(match kind {
            Kind::BrainPhoque => {
                Self::BrainPhoque(BrainPhoque::new(limits.alphabet, limits.memory), tokens.into_iter())
            }
            _ => Self::Brainfuck(Brainfuck::new(&tokens, limits.alphabet, limits.memory)?),
        })
    }
}

impl Machine for Loaded {
    fn step(&mut self, heard: u8) -> Event {
        match self {
            Self::Brainfuck(machine) => machine.step(heard),
            Self::BrainPhoque(machine, tokens) => loop {
                match machine.step(heard) {
                    Event::Wants => match tokens.next() {
                        Some(token) => machine.give(token),
                        None => return Event::Halted,
                    },
                    event => return event,
                }
            },
        }
    }

    fn give(&mut self, _token: Token) {}

    fn same_future(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Brainfuck(a), Self::Brainfuck(b)) => a.same_future(b),
            (Self::BrainPhoque(a, _), Self::BrainPhoque(b, _)) => a.same_future(b),
            _ => false,
        }
    }

    fn cells(&self) -> u32 {
        match self {
            Self::Brainfuck(machine) => machine.cells(),
            Self::BrainPhoque(machine, _) => machine.cells(),
        }
    }
}

/// A program that is asked for one symbol after the other.
#[derive(Clone, Debug)]
pub struct Predictor<M> {
    pub machine: M,
    pub steps: u64,
    heard: u8,
}

impl<M: Machine> Predictor<M> {
    pub fn new(machine: M) -> Self {
        Self {
            machine,
            steps: 0,
            heard: 0,
        }
    }

    /// Reveals what happened.
    pub fn hear(&mut self, symbol: u8) {
        self.heard = symbol;
    }

    /// The next symbol it prints within so many steps; whether it may still print one later if not.
    pub fn next(&mut self, steps: u32) -> std::result::Result<u8, Ending> {
        for _ in 0..steps {
            match self.machine.step(self.heard) {
                Event::Printed(symbol) => {
                    self.steps += 1;
                    return Ok(symbol);
                }
                Event::Silent | Event::Back => self.steps += 1,
                Event::Halted | Event::Wants => return Err(Ending::Ended),
            }
        }
        Err(Ending::Open)
    }
}

/// All history readers of at most `longest` tokens, by what they print after every history of fewer than `horizon`
/// symbols, the shortest histories first. `limits.steps` are those for one symbol.
pub fn enumerate(
    longest: usize,
    horizon: u32,
    limits: &Limits,
    prior: Prior,
    stop: &dyn Fn() -> bool,
) -> Result<Enumeration> {
    limits.check()?;
    let histories: usize = (0..horizon)
        .map(|n| limits.alphabet.saturating_pow(n))
        .fold(0, usize::saturating_add);
    if longest > 12 || !(1..=65_536).contains(&histories) {
        return Err(MarketError::input(format!(
            "max_length {longest}, {histories} histories; readers are run one by one: give a length of at most 12, and a \
             horizon with 1 to 65536 histories"
        )));
    }
    let mut tokens = straight(limits.alphabet, true);
    tokens.extend([Token::Open, Token::Close]);
    let code = code(tokens.len(), longest);
    let mut found = Enumeration::new(prior, histories);
    for length in 0..=longest {
        every(&tokens, &mut Vec::new(), 0, length, &mut |program| {
            found.programs += 1;
            found.runs += 1;
            found.mass.add(code[length]);
            if found.runs.is_multiple_of(4096) && stop() {
                return Err(MarketError::Interrupted { rounds: found.runs });
            }
            let machine = Brainfuck::new(program, limits.alphabet, limits.memory)?;
            let (output, ending, steps, cells) = answers(machine, horizon, limits);
            let program = program.iter().fold(Code::default(), |code, &token| code.then(token));
            let share = Share {
                ending,
                own: code[length],
                all: code[length],
                programs: 1,
                example: Example { program, steps, cells },
                least_steps: steps,
            };
            let place = found.behaviours.add(&output, &share);
            if ending == Ending::Full {
                found.behaviours.join(place, None, &share);
            }
            Ok(())
        })?;
    }
    Ok(found)
}

/// What a reader prints after each history, up to the first at which it prints nothing; how that ended, steps and cells.
fn answers(machine: Brainfuck<Cells>, horizon: u32, limits: &Limits) -> (Vec<u8>, Ending, u32, u32) {
    let mut asked = vec![Predictor::new(machine)];
    let (mut output, mut steps, mut cells) = (Vec::new(), 0, 0);
    for depth in 0..horizon {
        let mut next = Vec::new();
        for mut predictor in asked {
            let before = predictor.steps;
            let answer = predictor.next(limits.steps);
            steps += (predictor.steps - before) as u32;
            cells = cells.max(predictor.machine.cells());
            match answer {
                Ok(symbol) => output.push(symbol),
                Err(ending) => return (output, ending, steps, cells),
            }
            if depth + 1 < horizon {
                for symbol in 0..limits.alphabet {
                    let mut told = predictor.clone();
                    told.hear(symbol as u8);
                    next.push(told);
                }
            }
        }
        asked = next;
    }
    (output, Ending::Full, steps, cells)
}
