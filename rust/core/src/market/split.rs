//! Splitting: a trader that stood for several, whose forecasts are about to differ, makes room for all of them.
//!
//! Members of a cluster that have forecast alike hold money in proportion to their prior mass, and so they may be told
//! apart at any time until their forecasts differ: nothing but the books changes. That is so under taxes whose kernel
//! pays by prior mass; a kernel given by rows says of a cluster as a whole who becomes it, so it is refused.

use crate::accounts::book::Book;
use crate::accounts::calendar::Calendar;
use crate::accounts::groups::Groups;
use crate::clearing::Rule;
use crate::error::{MarketError, Result};
use crate::grue::Tax;
use crate::grue::kernel::Kernel;
use crate::grue::provenance::Column;
use crate::market::state::{Accounts, Traders};
use crate::market::{Market, divide_by_group};
use crate::real::Real;
use crate::scaled::Scaled;
use std::sync::Arc;

/// A trader of the market after a split: a share of what a trader before it had.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub source: u32,
    pub share: f64,
}

/// How far from 1 the shares of a trader's parts may sum, before they are divided by their sum.
const TOLERANCE: f64 = 1e-9;

/// All traders after a split, and where to find the first part of each before it.
struct Partition {
    parts: Vec<Part>,
    first: Vec<u32>,
}

impl Partition {
    fn new(traders: usize, parts: &[Part]) -> Result<Self> {
        let mut sums = vec![0.0; traders];
        let mut first = vec![u32::MAX; traders];
        for (at, &Part { source, share }) in parts.iter().enumerate() {
            let fault = match sums.get_mut(source as usize) {
                None => format!("is a part of trader {source}; there are 0 to {}", traders - 1),
                Some(_) if !(share > 0.0 && share <= 1.0) => {
                    format!("has the share {share}; give more than 0, at most 1")
                }
                Some(sum) => {
                    *sum += share;
                    first[source as usize] = first[source as usize].min(at as u32);
                    continue;
                }
            };
            return Err(MarketError::input(format!("new trader {at} {fault}")));
        }
        if let Some(j) = sums.iter().position(|sum: &f64| (sum - 1.0).abs() > TOLERANCE) {
            return Err(MarketError::input(format!(
                "the parts of trader {j} have shares that sum to {}; give every trader's money away, 1 in all: a trader \
                 that is not split comes once, with share 1",
                sums[j]
            )));
        }
        let even = |part: &Part| Part {
            share: part.share / sums[part.source as usize],
            ..*part
        };
        Ok(Self {
            parts: parts.iter().map(even).collect(),
            first,
        })
    }

    fn source(&self, j: usize) -> usize {
        self.parts[j].source as usize
    }

    fn sources(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().map(|part| part.source as usize)
    }

    fn divide<F: Real>(&self, value: impl Fn(usize) -> Scaled) -> Book<F> {
        Book::from_values(self.parts.len(), |j| value(self.source(j)) * self.parts[j].share)
    }

    fn book<F: Real>(&self, book: &Book<F>) -> Arc<Book<F>> {
        Arc::new(self.divide(|i| book.value(i)))
    }

    fn groups(&self, groups: &Groups) -> Groups {
        Groups::new(self.sources().map(|i| groups.of(i) as u32), groups.count)
    }

    fn calendar(&self, calendar: &Calendar) -> Calendar {
        let episode = |i: usize| calendar.episode(calendar.rank(i));
        if calendar.is_empty() {
            calendar.clone()
        } else {
            Calendar::new(&self.sources().map(episode).collect::<Vec<_>>())
        }
    }

    /// Every part's money came as its source's did.
    fn columns(&self, columns: &[Column]) -> Vec<Column> {
        let copied = |column: &Column| Column {
            stage: column.stage,
            shares: Arc::new(self.sources().map(|i| column.shares[i]).collect()),
        };
        columns.iter().map(copied).collect()
    }
}

impl<F: Real> Market<F> {
    /// The market whose traders are these parts of the present ones. Wealth and prior are divided by the shares; groups,
    /// aversions, provenance, definitions and when they enter are copied. Nothing is paid, and no clock moves.
    pub fn split(&self, parts: &[Part]) -> Result<Self> {
        let partition = Partition::new(self.len(), parts)?;
        self.traders.check_split(&partition)?;
        let mut market = self.clone();
        market.catch_up();
        market.part(&partition);
        Ok(market)
    }

    fn part(&mut self, partition: &Partition) {
        let traders = self.traders.parted(partition);
        let state = &mut self.state;
        let calendar = &traders.calendar;
        // ranks may be counted otherwise in the new calendar
        let due = state.roster.rho.next_episode();
        let rho = traders.entered(due.and_then(|episode| calendar.after(calendar.by(episode - 1))));
        state.hand_on(&traders, rho, |columns| partition.columns(columns));
        state.accounts.part(partition);
        for node in &mut self.nodes {
            node.source = partition.first[node.source as usize];
        }
        self.traders = Arc::new(traders);
    }
}

impl<F: Real> Traders<F> {
    fn check_split(&self, partition: &Partition) -> Result<()> {
        if let Some(Tax {
            kernel: Kernel::Rows(_),
            ..
        }) = &self.tax
        {
            return Err(MarketError::input(
                "this market's tax has a kernel given by rows, which does not say what the parts of a trader would be \
                 paid; splits need kernel \"anything\" or \"within groups\", which pay by prior mass",
            ));
        }
        match &self.rule {
            Rule::Lmsr(rule) if partition.sources().filter(|&i| i == rule.maker).count() > 1 => {
                Err(MarketError::input(format!(
                    "trader {} is the market's maker, who quotes as one; split others",
                    rule.maker
                )))
            }
            _ => Ok(()),
        }
    }

    fn parted(&self, partition: &Partition) -> Self {
        let groups = partition.groups(&self.groups);
        let prior = partition.divide(|i| self.share(i));
        let (rho, over) = if self.over.is_empty() {
            (prior, Vec::new())
        } else {
            divide_by_group(&prior, &groups)
        };
        Self {
            rho: Arc::new(rho),
            over,
            groups,
            rule: self.rule.parted(|| partition.sources(), &partition.first),
            tax: self.tax.clone(),
            calendar: Arc::new(partition.calendar(&self.calendar)),
            ..*self
        }
    }
}

impl<F: Real> Accounts<F> {
    fn part(&mut self, partition: &Partition) {
        self.wealth = partition.book(&self.wealth);
        self.unredefined = self.unredefined.as_ref().map(|book| partition.book(book));
        self.total = self.wealth.sum();
        if let Some(histories) = &mut self.histories {
            // the best history of the cluster, then this part of it
            let histories = Arc::make_mut(histories);
            histories.scores = partition.divide(|i| histories.scores.value(i));
            histories.last = partition.sources().map(|i| histories.last[i]).collect();
            histories.tax_bits = partition.sources().map(|i| histories.tax_bits[i]).collect();
        }
    }
}
