//! All Brainfuck programs by length without any pruning, one by one: what [`super::enumerate`] is held against.

use super::behaviours::{Ending, Example, Share};
use super::brainfuck::Brainfuck;
use super::enumerate::Enumeration;
use super::prior::{Prior, code};
use super::run::{Limits, Status, run};
use super::token::{Code, Token, straight};
use crate::error::{MarketError, Result};

/// Runs every program of at most `longest` tokens.
pub fn enumerate(longest: usize, limits: &Limits, prior: Prior, stop: &dyn Fn() -> bool) -> Result<Enumeration> {
    limits.check()?;
    let mut tokens = straight(limits.alphabet, false);
    tokens.extend([Token::Open, Token::Close]);
    let code = code(tokens.len(), longest);
    let mut found = Enumeration::new(prior, limits.max_output);
    for length in 0..=longest {
        every(&tokens, &mut Vec::new(), 0, length, &mut |program| {
            if found.runs.is_multiple_of(4096) && stop() {
                return Err(MarketError::Interrupted { rounds: found.runs });
            }
            let mut machine = Brainfuck::new(program, limits.alphabet, limits.memory)?;
            let done = run(&mut machine, limits, std::iter::empty());
            let share = Share {
                ending: match done.status {
                    _ if done.output.len() == limits.max_output => Ending::Full,
                    Status::Halted => Ending::Ended,
                    _ => Ending::Open,
                },
                own: code[length],
                all: code[length],
                programs: 1,
                example: Example {
                    program: program.iter().fold(Code::default(), |code, &token| code.then(token)),
                    steps: done.steps,
                    cells: done.cells,
                },
                least_steps: done.steps,
            };
            found.behaviours.add(&done.output, &share);
            found.programs += 1;
            found.runs += 1;
            found.mass.add(code[length]);
            Ok(())
        })?;
    }
    Ok(found)
}

/// Every program of just this length with matched brackets.
pub(super) fn every(
    tokens: &[Token],
    program: &mut Vec<Token>,
    open: usize,
    length: usize,
    visit: &mut dyn FnMut(&[Token]) -> Result<()>,
) -> Result<()> {
    if program.len() == length {
        return visit(program);
    }
    for &token in tokens {
        let open = match token {
            Token::Open => open + 1,
            Token::Close if open == 0 => continue,
            Token::Close => open - 1,
            _ => open,
        };
        if open < length - program.len() {
            program.push(token);
            every(tokens, program, open, length, visit)?;
            program.pop();
        }
    }
    Ok(())
}
