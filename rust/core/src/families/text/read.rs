//! Reading: runs of bits in one go, code lengths, and looking ahead over the next byte.

use super::context::Context;
use super::layer::Cleared;
use super::table::NOWHERE;
use super::{Shared, Text};
use crate::error::{MarketError, Result};
use crate::families::{Family, impossible};
use crate::lanes::dispatch;
use crate::market::Interrupt;
use pulp::{Simd, WithSimd};

/// Bytes between two looks at whether to stop.
const LOOK: usize = 4096;
const BYTE: usize = 8;

impl Text {
    /// Reads bits; `paid` is told the probability of each.
    pub(super) fn steps(&mut self, bits: impl Iterator<Item = u32>, paid: impl FnMut(f64)) {
        dispatch(Steps { text: self, bits, paid });
    }

    /// The market of the next bit.
    pub(super) fn quote(&self, context: &Context, shared: &Shared) -> Quote {
        dispatch(Ask {
            text: self,
            context,
            shared,
        })
    }

    /// As [`Family::read`]; stops between two stretches if told to.
    pub fn read_until(&mut self, bits: &[u32], out: &mut [f64], interrupt: Interrupt<'_>) -> Result<()> {
        if let Some(&bad) = bits.iter().find(|&&bit| bit > 1) {
            return Err(impossible(bad, 2));
        }
        for (stretch, (bits, out)) in bits.chunks(LOOK * BYTE).zip(out.chunks_mut(LOOK * BYTE)).enumerate() {
            if interrupt() {
                let rounds = (stretch * LOOK * BYTE) as u64;
                return Err(MarketError::Interrupted { rounds });
            }
            let mut paid = out.iter_mut();
            self.steps(bits.iter().copied(), |p| {
                paid.next().into_iter().for_each(|out| *out = p);
            });
        }
        Ok(())
    }

    /// Begins an episode and reads it: its code length in bits, each predicted before it is learned.
    pub fn code_length(&mut self, data: &[u8], interrupt: Interrupt<'_>) -> Result<f64> {
        self.begin_episode()?;
        let mut product = Product {
            product: 1.0,
            bits: 0.0,
        };
        for (stretch, data) in data.chunks(LOOK).enumerate() {
            if interrupt() {
                let rounds = (stretch * LOOK * BYTE) as u64;
                return Err(MarketError::Interrupted { rounds });
            }
            let bits = data
                .iter()
                .flat_map(|&byte| (0..BYTE).rev().map(move |place| u32::from(byte >> place & 1)));
            self.steps(bits, |p| product.times(p));
        }
        Ok(product.code_length())
    }

    /// (256,) the probability of each next byte: what reading it would be given, bit by bit.
    pub fn byte_forecast(&self) -> Result<Vec<f64>> {
        if self.context.partial > 1 {
            let read = self.context.partial.ilog2();
            return Err(MarketError::input(format!(
                "{read} of the 8 bits of a byte are read; observe the other {} before asking for the next byte",
                8 - read
            )));
        }
        let mut out = vec![0.0; 256];
        self.foresee(&self.context, &self.shared, 1.0, &mut out);
        Ok(out)
    }

    /// Spreads `probability` over the bytes that begin with the bits of `context`, learning on the way what is shared; the
    /// nodes that learn are met only once in a byte.
    fn foresee(&self, context: &Context, shared: &Shared, probability: f64, out: &mut [f64]) {
        let quote = self.quote(context, shared);
        for (y, learned) in (0..2).zip(&quote.learned) {
            let probability = probability * quote.cleared.probability(y);
            let mut context = context.clone();
            let half = context.push(y, quote.foretold);
            if context.partial > 255 {
                out[context.partial as usize & 255] = probability;
                continue;
            }
            if half {
                context.open(&self.specialists, |key| self.table.find(key).unwrap_or(NOWHERE));
            } else if context.place > 7 {
                context.prepare(&self.specialists, self.table.near(), |_| ());
            }
            self.foresee(&context, learned, probability, out);
        }
    }
}

/// Bits to be read, in the widest vectors that the processor has.
struct Steps<'a, B, P> {
    text: &'a mut Text,
    bits: B,
    paid: P,
}

impl<B: Iterator<Item = u32>, P: FnMut(f64)> WithSimd for Steps<'_, B, P> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, s: S) {
        let text = self.text;
        for y in self.bits {
            let play = text.clear(s, &text.context, &text.shared);
            text.settle(s, &play, y);
            (self.paid)(play.cleared.probability(y));
        }
    }
}

/// A bit to be priced, likewise.
struct Ask<'a> {
    text: &'a Text,
    context: &'a Context,
    shared: &'a Shared,
}

pub(super) struct Quote {
    pub cleared: Cleared,
    foretold: Option<u32>,
    pub awake: usize,
    /// What is shared, after a 0 and after a 1.
    learned: [Shared; 2],
}

impl WithSimd for Ask<'_> {
    type Output = Quote;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> Quote {
        let Self { text, context, shared } = self;
        let play = text.clear(s, context, shared);
        let mut learned = [shared.clone(), shared.clone()];
        if !text.frozen {
            for (y, learned) in (0..2).zip(&mut learned) {
                learned.learn(&play, context.matched.length, y);
            }
        }
        let awake = (play.traders.awake.sum() as usize) + usize::from(play.foretold.is_some());
        Quote {
            cleared: play.cleared,
            foretold: play.foretold,
            awake,
            learned,
        }
    }
}

/// A product of probabilities of at least 1e-9, whose logarithm is taken before it underflows.
struct Product {
    product: f64,
    bits: f64,
}

impl Product {
    const LEAST: f64 = 1e-280;

    fn times(&mut self, probability: f64) {
        self.product *= probability;
        if self.product < Self::LEAST {
            self.bits -= self.product.log2();
            self.product = 1.0;
        }
    }

    fn code_length(&self) -> f64 {
        self.bits - self.product.log2()
    }
}
