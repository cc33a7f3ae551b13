//! The prior of programs: `bits = length + a log2(time) + b log2(memory)`.
//!
//! `length` is that of a self-delimiting code, `(tokens + 1) log2(k + 1)` for k tokens and an END, or of the machine's own
//! lazy code; time is steps per printed symbol, so that nothing grows with the horizon; memory is cells visited. With
//! a, b >= 0 no program weighs more than its code alone, so Kraft's sum stays at most 1.

use crate::error::{MarketError, Result};

/// Exponents of time and memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prior {
    pub a: f64,
    pub b: f64,
}

impl Prior {
    pub fn new(a: f64, b: f64) -> Result<Self> {
        for (name, value) in [("a", a), ("b", b)] {
            if !(0.0..=64.0).contains(&value) {
                return Err(MarketError::input(format!(
                    "{name} {value}; give an exponent from 0 to 64: a negative one would break Kraft's inequality"
                )));
            }
        }
        Ok(Self { a, b })
    }

    /// Whether mass is set by length alone.
    #[must_use]
    pub fn by_length(self) -> bool {
        self.a == 0.0 && self.b == 0.0
    }

    /// The factor for so many steps per symbol, at least 1, and so many cells.
    #[must_use]
    pub fn factor(self, steps: u32, symbols: usize, cells: u32) -> f64 {
        let time = (f64::from(steps) / symbols.max(1) as f64).max(1.0);
        time.powf(-self.a) * f64::from(cells).powf(-self.b)
    }
}

/// The mass of one program of each length, from 0 on, in the code with END for `tokens` tokens.
#[must_use]
pub fn code(tokens: usize, longest: usize) -> Vec<f64> {
    (1..=longest + 1)
        .map(|n| ((tokens + 1) as f64).powi(-(n as i32)))
        .collect()
}
