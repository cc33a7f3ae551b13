//! The logistic function by table: a price waits for it on the way from one bit to the next.

use crate::lanes::eight::Floats;

/// Steps for one unit of the logit; a price is right to 0.2 %, which costs 1e-6 of the bits.
const STEPS: f32 = 128.0;
/// Logits that are told apart, beyond any bound of a forecast.
const REACH: usize = 32;
/// 2^23: what is added to it is rounded to whole numbers.
const WHOLE: f32 = 8_388_608.0;
const SIZE: usize = REACH * STEPS as usize;

#[derive(Clone, Debug)]
pub struct Logistic {
    /// 1 / (1 + e^x) for x >= 0.
    table: Box<[f32; SIZE]>,
}

impl Default for Logistic {
    fn default() -> Self {
        let at = |i: usize| Floats::splat(pulp::Scalar, i as f32 / -STEPS).sigmoid().lanes()[0];
        Self {
            table: Box::new(std::array::from_fn(at)),
        }
    }
}

impl Logistic {
    pub const BYTES: usize = SIZE * size_of::<f32>();

    /// The probability of the less probable outcome at a logit of either sign.
    #[inline(always)]
    pub fn least(&self, logit: f32) -> f32 {
        self.table[((logit.abs() * STEPS + WHOLE).to_bits()) as usize % SIZE]
    }

    /// The probability of a 1.
    #[inline(always)]
    pub fn of(&self, logit: f32) -> f32 {
        let least = self.least(logit);
        if logit > 0.0 { 1.0 - least } else { least }
    }
}
