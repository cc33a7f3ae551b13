//! What one trader's budgets together ask for today, as a function of today's prices.

use super::super::account::Account;
use super::super::feature::Program;
use super::super::number::{Constant, Exact, Number};
use super::super::outlook::Outlook;
use super::super::sentence::SentenceId;
use super::super::stakes::{Stakes, World};
use super::{DEEPEST, Strategy, weight_of};

/// A trader's part of the firm's demand, `w_k sum_b 2^-b Budgeter(b, S^k)` (Garrabrant et al. 2016, 5.3.2).
///
/// The budget b allows the part `min over W of 1 / max(1, -W(T) / (b + W(past)))` of today's trade T (5.2.1). Budgets that
/// the trade's greatest loss leaves whole allow all of it, so few are looked at singly.
#[derive(Clone, Debug)]
pub struct Bid {
    pub trader: usize,
    /// The place of each traded sentence among today's prices.
    pub columns: Vec<usize>,
    /// `w_k 2^(1 - first)`: the weight of the budgets that are not shut off.
    scale: Constant,
    first: u64,
    worlds: Vec<Weighed>,
    /// How many budgets are looked at singly, and whether the factor of the last is that of all above it; it is 1 otherwise.
    single: usize,
    capped: bool,
    stakes: Stakes,
    /// Whether `worlds` are all that may matter.
    complete: bool,
}

/// A world with `1 / (b + W(past))` for each budget that is looked at, rounded up so that factors are rounded down.
#[derive(Clone, Debug)]
struct Weighed {
    world: World,
    rates: Vec<Constant>,
}

/// What a bid buys at given prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    /// Of each sentence of the bid, before any budget.
    pub shares: Vec<Exact>,
    /// The factors of the budgets from the first on, the last for all above it too. Empty: all are 1.
    pub factors: Vec<Exact>,
}

/// Memory that evaluations share.
#[derive(Clone, Debug)]
pub struct Work<N> {
    steps: Vec<N>,
    shares: Vec<N>,
    losses: Vec<N>,
}

impl<N> Default for Work<N> {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            shares: Vec::new(),
            losses: Vec::new(),
        }
    }
}

/// Constants of every evaluation.
#[derive(Clone, Debug)]
pub struct Units {
    zero: Constant,
    one: Constant,
    half: Constant,
}

impl Default for Units {
    fn default() -> Self {
        Self {
            zero: Exact::default().into(),
            one: Exact::from(1).into(),
            half: Exact::two_to_minus(1).into(),
        }
    }
}

impl Bid {
    /// The bid of a trader with this account and weight for the sentences `traded`; `most` bounds what today's trade can
    /// lose, `bits` is the precision of the day.
    pub fn new(
        trader: usize,
        (account, weight): (&Account, &Exact),
        (traded, columns): (&[SentenceId], Vec<usize>),
        outlook: &Outlook,
        (most, bits): (f64, usize),
    ) -> Self {
        let first = account.first_budget();
        let stakes = Stakes::new(outlook, account.cash(), account.shares(), traded);
        // b + W(past) < most is unsure, up to where 2^-b no longer counts
        let unsure = Exact::of_float(most).map_or(u64::MAX, |most| {
            let below = (&most - &stakes.least(outlook)).ceil_at(0).max(0.into());
            u64::try_from(below).unwrap_or(u64::MAX).saturating_sub(first)
        });
        let unsure = if first > DEEPEST { 0 } else { unsure };
        let single = unsure.min(bits as u64) as usize;
        let few = if single > 0 {
            stakes.few(outlook)
        } else {
            Some(Vec::new())
        };
        let mut bid = Self {
            trader,
            columns,
            scale: weight_of(weight, first, &[]).into(),
            first,
            worlds: Vec::new(),
            single,
            capped: single as u64 != unsure,
            complete: few.is_some(),
            stakes,
        };
        let nothing = vec![Exact::default(); traded.len()];
        let start = few.unwrap_or_else(|| vec![bid.stakes.worst(outlook, &nothing, &Exact::default())]);
        start.into_iter().for_each(|world| bid.look_at(world, bits));
        bid
    }

    /// From now on this world counts.
    fn look_at(&mut self, world: World, bits: usize) {
        let rate = |i| {
            let left = self.left(i, &world);
            // a relative precision of `bits`; what is left is above 0, or the budget were shut off
            let places = (bits as i64 + left.log2_up().unwrap_or(0)).max(0) as usize;
            let rate = Exact::from(1).divided(&left).unwrap_or_default();
            Constant::from(rate.round_up(places))
        };
        let rates = (0..self.single).map(rate).collect();
        self.worlds.push(Weighed { world, rates });
    }

    /// Adds what the bid asks for to `out`, by column: `place(column)` says where, if anywhere.
    pub fn add<N: Number>(
        &self,
        (program, units): (&Program, &Units),
        context: N::Context,
        prices: &[N],
        work: &mut Work<N>,
        mut add: impl FnMut(usize, N),
    ) {
        let zero = N::of(&units.zero, context);
        work.shares.clear();
        work.shares.resize(self.columns.len(), zero.clone());
        program.values(context, prices, &mut work.steps, &mut work.shares);
        let factor = self.factor(units, context, prices, work);
        for (column, shares) in self.columns.iter().zip(&work.shares) {
            add(*column, factor.times(shares));
        }
    }

    /// `w_k sum_b 2^-b` times the factor of b.
    fn factor<N: Number>(&self, units: &Units, context: N::Context, prices: &[N], work: &mut Work<N>) -> N {
        let scale = N::of(&self.scale, context);
        if self.single == 0 {
            return scale;
        }
        let (one, half) = (N::of(&units.one, context), N::of(&units.half, context));
        work.losses.clear();
        for weighed in &self.worlds {
            let each = self.columns.iter().zip(&work.shares).zip(&weighed.world.truths);
            let lost = each.map(|((column, shares), truth)| {
                let price = &prices[*column];
                if *truth {
                    shares.times(&price.minus(&one))
                } else {
                    shares.times(price)
                }
            });
            let zero = N::of(&units.zero, context);
            work.losses.push(lost.fold(zero, |sum, term| sum.plus(&term)));
        }
        let of = |budget: usize| {
            let each = self.worlds.iter().zip(&work.losses);
            let each =
                each.map(|(weighed, loss)| loss.times(&N::of(&weighed.rates[budget], context)).safe_reciprocal());
            each.reduce(|a, b| a.least(&b)).unwrap_or_else(|| one.clone())
        };
        let above = if self.capped { of(self.single - 1) } else { one.clone() };
        let sum = (0..self.single)
            .rev()
            .fold(above, |sum, budget| of(budget).plus(&sum).times(&half));
        scale.times(&sum)
    }

    /// What is bought at these prices.
    pub fn bought(&self, program: &Program, prices: &[Exact], bits: usize) -> Bought {
        let shares = program.exact(prices);
        let one = Exact::from(1);
        let losses: Vec<Exact> = self
            .worlds
            .iter()
            .map(|weighed| self.loss(&weighed.world, &shares, prices))
            .collect();
        let of = |budget: usize| {
            let each = self.worlds.iter().zip(&losses);
            // the quotient itself, not by the rate: so it does not depend on which worlds were looked at
            let allowed = each.filter_map(|(weighed, loss)| {
                let left = self.left(budget, &weighed.world);
                if left < *loss { left.divided(loss) } else { None }
            });
            allowed.fold(one.clone(), Exact::min).round_down(bits)
        };
        let mut factors: Vec<Exact> = (0..self.single).map(of).collect();
        if self.first > DEEPEST {
            factors.push(Exact::default());
        } else if !self.capped {
            factors.push(one.clone());
        }
        if factors.iter().all(|factor| *factor == one) {
            factors.clear();
        }
        Bought { shares, factors }
    }

    /// `b + W(past)`
    fn left(&self, budget: usize, world: &World) -> Exact {
        &Exact::from((self.first + budget as u64) as i64) + &world.past
    }

    /// `-W(T)`
    fn loss(&self, world: &World, shares: &[Exact], prices: &[Exact]) -> Exact {
        let one = Exact::from(1);
        let each = self.columns.iter().zip(shares).zip(&world.truths);
        each.fold(Exact::default(), |sum, ((column, shares), truth)| {
            let price = &prices[*column];
            let paid = if *truth { price - &one } else { price.clone() };
            &sum + &(shares * &paid)
        })
    }

    /// Makes a world count that leaves some budget overdrawn at this trade; false if there is none.
    pub fn learn(&mut self, outlook: &Outlook, bought: &Bought, prices: &[Exact], bits: usize) -> bool {
        if self.complete {
            return false;
        }
        let one = Exact::from(1);
        for i in 0..self.single {
            let factor = bought.factors.get(i).unwrap_or(&one);
            let world = self.stakes.worst(outlook, &bought.shares, factor);
            if self.left(i, &world) < factor * &self.loss(&world, &bought.shares, prices) {
                self.look_at(world, bits);
                return true;
            }
        }
        false
    }

    /// Whether every budget allows all of today's trade, whatever the prices.
    pub fn is_whole(&self) -> bool {
        self.single == 0
    }

    /// Today's prices on which the bid depends, ascending.
    pub fn reads(&self, strategy: &Strategy) -> Vec<usize> {
        let mut read: Vec<_> = (0..self.columns.len()).flat_map(|root| strategy.reads(root)).collect();
        if !self.is_whole() {
            read.extend(&self.columns);
        }
        read.sort_unstable();
        read.dedup();
        read
    }

    /// The first budget that is not shut off.
    pub fn first(&self) -> u64 {
        self.first
    }
}
