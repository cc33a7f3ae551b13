//! The firm's demand on one day, as the market maker asks for it.

use super::bid::{Bid, Bought, Units, Work};
use super::{Strategy, Trader, weight_of};
use crate::error::{MarketError, Result};
use crate::logic::feature::Program;
use crate::logic::maker::Demand;
use crate::logic::number::{Dual, Enclosure, Exact, Interval, Jet, Number, Span};
use crate::logic::outlook::Outlook;
use crate::logic::sentence::SentenceId;
use crate::logic::worlds::Stop;

/// Bits that floats may be asked for.
const FLOAT_BITS: usize = 48;
/// Bits beyond those asked for, at first; doubled while the answer is too wide.
const GUARD_BITS: usize = 24;
/// No precision helps beyond this.
const MOST_BITS: usize = 1 << 16;

/// All bids of a day.
#[derive(Debug)]
pub struct FirmDemand<'a> {
    traders: &'a [Trader],
    bids: Vec<Bid>,
    /// By sentence: the bids for it.
    by_column: Vec<Vec<usize>>,
    /// By bid: the prices that it reads.
    reads: Vec<Vec<usize>>,
    bits: usize,
    units: Units,
    floats: Work<f64>,
    duals: Work<Dual>,
    jets: Work<Jet>,
    spans: Work<Span>,
    intervals: Work<Interval>,
    stop: Option<Stop>,
    /// By sentence: where it stands among those asked for.
    places: Vec<usize>,
}

const NOT_ASKED: usize = usize::MAX;

impl<'a> FirmDemand<'a> {
    /// Of these traders, whose strategies are bound to today, for the sentences `columns`; `bound` says which sentence a
    /// strategy means today, `bits` is the precision of what is bought.
    pub fn new(
        traders: &'a [Trader],
        columns: &[SentenceId],
        bound: &dyn Fn(SentenceId) -> SentenceId,
        outlook: &Outlook,
        bits: usize,
    ) -> Self {
        let mut bids = Vec::new();
        for (number, trader) in traders.iter().enumerate() {
            let Some(strategy) = &trader.strategy else { continue };
            let traded: Vec<_> = strategy.traded.iter().map(|s| bound(*s)).collect();
            let places = traded.iter().filter_map(|s| columns.binary_search(s).ok()).collect();
            let owner = (&trader.account, &trader.weight);
            bids.push(Bid::new(
                number,
                owner,
                (&traded, places),
                outlook,
                (strategy.most(), bits),
            ));
        }
        let mut by_column = vec![Vec::new(); columns.len()];
        let mut reads = Vec::with_capacity(bids.len());
        for (at, bid) in bids.iter().enumerate() {
            bid.columns.iter().for_each(|column| by_column[*column].push(at));
            reads.push(bid.reads(strategy(traders, bid)));
        }
        Self {
            traders,
            bids,
            by_column,
            reads,
            bits,
            units: Units::default(),
            floats: Work::default(),
            duals: Work::default(),
            jets: Work::default(),
            spans: Work::default(),
            intervals: Work::default(),
            stop: outlook.asks(),
            places: vec![NOT_ASKED; columns.len()],
        }
    }

    /// How many sentences are traded.
    pub fn columns(&self) -> usize {
        self.by_column.len()
    }

    pub fn bids(&self) -> &[Bid] {
        &self.bids
    }

    /// What every bid buys at these prices.
    pub fn bought(&self, prices: &[Exact]) -> Vec<Bought> {
        let each = self.bids.iter();
        each.map(|bid| bid.bought(program(self.traders, bid), prices, self.bits))
            .collect()
    }

    /// Makes worlds count that leave some budget overdrawn; false if there are none.
    pub fn learn(&mut self, outlook: &Outlook, bought: &[Bought], prices: &[Exact]) -> bool {
        let mut learned = false;
        for (bid, bought) in self.bids.iter_mut().zip(bought) {
            learned |= bid.learn(outlook, bought, prices, self.bits);
        }
        learned
    }

    /// What the firm buys of each sentence, up to the day's precision.
    pub fn total(&self, bought: &[Bought]) -> Vec<Enclosure> {
        let mut sums = vec![(0.into(), 0.into()); self.by_column.len()];
        for (bid, bought) in self.bids.iter().zip(bought) {
            let weight = weight_of(&self.traders[bid.trader].weight, bid.first(), &bought.factors);
            for (column, shares) in bid.columns.iter().zip(&bought.shares) {
                let part = &weight * shares;
                let (low, high) = &mut sums[*column];
                *low += part.floor_at(self.bits);
                *high += part.ceil_at(self.bits);
            }
        }
        let enclosure = |(low, high)| Enclosure {
            low: Exact::dyadic(low, self.bits),
            high: Exact::dyadic(high, self.bits),
        };
        sums.into_iter().map(enclosure).collect()
    }

    /// Every search for prices asks this again and again.
    fn heed(&self) -> Result<()> {
        if self.stop.is_some_and(|stop| stop()) {
            return Err(MarketError::Interrupted { rounds: 0 });
        }
        Ok(())
    }

    fn ask(&mut self, asked: &[usize]) {
        asked
            .iter()
            .enumerate()
            .for_each(|(at, column)| self.places[*column] = at);
    }

    fn forget(&mut self, asked: &[usize]) {
        asked.iter().for_each(|column| self.places[*column] = NOT_ASKED);
    }

    /// The bids for some sentences, ascending.
    fn bidders(&self, asked: &[usize]) -> Vec<usize> {
        match asked {
            [one] => self.by_column[*one].clone(),
            _ if asked.len() == self.by_column.len() => (0..self.bids.len()).collect(),
            _ => {
                let mut all: Vec<_> = asked
                    .iter()
                    .flat_map(|column| &self.by_column[*column])
                    .copied()
                    .collect();
                all.sort_unstable();
                all.dedup();
                all
            }
        }
    }

    /// Adds the bids for the sentences asked for to `out`.
    fn fill<N: Number>(&self, bidders: &[usize], context: N::Context, prices: &[N], work: &mut Work<N>, out: &mut [N]) {
        for at in bidders {
            let bid = &self.bids[*at];
            let given = (program(self.traders, bid), &self.units);
            bid.add(given, context, prices, work, |column, shares| {
                if let Some(sum) = out.get_mut(self.places[column]) {
                    *sum = sum.plus(&shares);
                }
            });
        }
    }

    /// Of some bids those that read the price of a column.
    fn readers(&self, bidders: &[usize], column: usize) -> Vec<usize> {
        let reads = |at: &&usize| self.reads[**at].binary_search(&column).is_ok();
        bidders.iter().filter(reads).copied().collect()
    }

    fn spans(&mut self, prices: &[Exact], bidders: &[usize], asked: usize, bits: usize) -> Option<Vec<Enclosure>> {
        if bits > FLOAT_BITS {
            return None;
        }
        let prices: Vec<_> = prices.iter().map(Exact::span).collect();
        let mut sums = vec![Span::point(0.0); asked];
        let mut work = std::mem::take(&mut self.spans);
        self.fill(bidders, (), &prices, &mut work, &mut sums);
        self.spans = work;
        let narrow = (-(bits as f64)).exp2();
        let each = sums.into_iter().map(|d| {
            if d.high - d.low <= narrow {
                Enclosure::of_span(d)
            } else {
                None
            }
        });
        each.collect()
    }

    fn intervals(&mut self, prices: &[Exact], bidders: &[usize], asked: usize, bits: usize) -> Vec<Enclosure> {
        let mut guard = GUARD_BITS;
        let mut work = std::mem::take(&mut self.intervals);
        loop {
            let context = bits + guard;
            let around: Vec<_> = prices.iter().map(|p| Interval::around(p, context)).collect();
            let mut sums = vec![Interval::around(&Exact::default(), context); asked];
            self.fill(bidders, context, &around, &mut work, &mut sums);
            let wide = sums.iter().any(|d| (&d.high - &d.low) >> guard > 0.into());
            if !wide || context > MOST_BITS {
                self.intervals = work;
                return sums.into_iter().map(Enclosure::from).collect();
            }
            guard *= 2;
        }
    }
}

fn strategy<'a>(traders: &'a [Trader], bid: &Bid) -> &'a Strategy {
    traders[bid.trader].strategy.as_ref().expect("who bids has a strategy")
}

fn program<'a>(traders: &'a [Trader], bid: &Bid) -> &'a Program {
    strategy(traders, bid).program()
}

impl Demand for FirmDemand<'_> {
    fn len(&self) -> usize {
        self.by_column.len()
    }

    fn estimate(&mut self, prices: &[f64], asked: &[usize], out: &mut [f64]) -> Result<()> {
        self.heed()?;
        self.ask(asked);
        out.fill(0.0);
        let mut work = std::mem::take(&mut self.floats);
        self.fill(&self.bidders(asked), (), prices, &mut work, out);
        self.floats = work;
        self.forget(asked);
        finite(out)
    }

    fn slopes(&mut self, prices: &[f64], asked: &[usize], out: &mut [f64], slopes: &mut [f64]) -> Result<bool> {
        self.heed()?;
        if asked.len() > 1 {
            self.estimate(prices, asked, out)?;
        }
        self.ask(asked);
        let bidders = self.bidders(asked);
        let mut still: Vec<_> = prices.iter().map(|price| Dual::still(*price)).collect();
        let mut work = std::mem::take(&mut self.duals);
        for (b, column) in asked.iter().enumerate() {
            let readers = match asked {
                [_] => bidders.clone(),
                _ => self.readers(&bidders, *column),
            };
            let mut sums = vec![Dual::still(0.0); asked.len()];
            still[*column].slope = 1.0;
            self.fill(&readers, (), &still, &mut work, &mut sums);
            still[*column].slope = 0.0;
            sums.iter()
                .enumerate()
                .for_each(|(a, sum)| slopes[a * asked.len() + b] = sum.slope);
            if asked.len() == 1 {
                out[0] = sums[0].value;
            }
        }
        self.duals = work;
        self.forget(asked);
        finite(out)?;
        Ok(true)
    }

    fn deep(
        &mut self,
        prices: &[Exact],
        asked: &[usize],
        bits: usize,
        out: &mut [f64],
        slopes: Option<&mut [f64]>,
    ) -> Result<bool> {
        self.heed()?;
        self.ask(asked);
        let bidders = self.bidders(asked);
        let mut jets: Vec<_> = prices.iter().map(|price| Jet::still(price, bits)).collect();
        let nothing = vec![Jet::still(&Exact::default(), bits); asked.len()];
        let mut work = std::mem::take(&mut self.jets);
        let mut sums = nothing.clone();
        self.fill(&bidders, bits, &jets, &mut work, &mut sums);
        out.iter_mut().zip(&sums).for_each(|(o, d)| *o = d.float());
        let columns = if slopes.is_some() { asked } else { &[] };
        let slopes = slopes.unwrap_or_default();
        for (b, column) in columns.iter().enumerate() {
            sums.clone_from(&nothing);
            jets[*column].set_slope(1.0);
            self.fill(&self.readers(&bidders, *column), bits, &jets, &mut work, &mut sums);
            jets[*column].set_slope(0.0);
            sums.iter()
                .enumerate()
                .for_each(|(a, sum)| slopes[a * asked.len() + b] = sum.slope());
        }
        self.jets = work;
        self.forget(asked);
        Ok(true)
    }

    fn enclose(&mut self, prices: &[Exact], asked: &[usize], bits: usize, out: &mut [Enclosure]) -> Result<()> {
        self.heed()?;
        self.ask(asked);
        let bidders = self.bidders(asked);
        let found = self.spans(prices, &bidders, asked.len(), bits);
        let found = found.unwrap_or_else(|| self.intervals(prices, &bidders, asked.len(), bits));
        self.forget(asked);
        out.iter_mut().zip(found).for_each(|(o, d)| *o = d);
        Ok(())
    }

    fn together(&mut self, prices: &[f64], asked: &[usize], out: &mut [f64], slopes: &mut [f64]) -> Result<bool> {
        self.heed()?;
        self.ask(asked);
        let mut duals: Vec<_> = prices.iter().map(|price| Dual::still(*price)).collect();
        asked.iter().for_each(|column| duals[*column].slope = 1.0);
        let mut work = std::mem::take(&mut self.duals);
        let mut sums = vec![Dual::still(0.0); asked.len()];
        self.fill(&self.bidders(asked), (), &duals, &mut work, &mut sums);
        self.duals = work;
        self.forget(asked);
        for ((o, slope), sum) in out.iter_mut().zip(slopes).zip(sums) {
            (*o, *slope) = (sum.value, sum.slope);
        }
        finite(out)?;
        Ok(true)
    }

    /// A bid of which some budget may run out stands between its sentences and all that they read.
    fn reads(&self) -> Vec<Vec<usize>> {
        let columns = self.by_column.len();
        let mut graph = vec![Vec::new(); columns];
        for (at, (bid, reads)) in self.bids.iter().zip(&self.reads).enumerate() {
            for (root, column) in bid.columns.iter().enumerate() {
                if bid.is_whole() {
                    graph[*column].extend(strategy(self.traders, bid).reads(root));
                } else {
                    graph[*column].push(columns + at);
                }
            }
            graph.push(if bid.is_whole() { Vec::new() } else { reads.clone() });
        }
        graph
    }
}

fn finite(demand: &[f64]) -> Result<()> {
    if demand.iter().all(|d| d.is_finite()) {
        return Ok(());
    }
    Err(MarketError::input(
        "a strategy buys more shares than a float can hold (1e308); scale it down",
    ))
}
