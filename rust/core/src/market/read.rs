//! Reading a market: wealth, provenance, definitions, the ledger. Nothing here changes a bit.

use crate::accounts::groups::Groups;
use crate::grue::definitions::{Histories, Node};
use crate::ledger::Entry;
use crate::market::Market;
use crate::market::state::{Accounts, Clock, State, Traders};
use crate::real::Real;
use crate::scaled::Scaled;

/// A most probable history.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub trader: u32,
    pub group: u32,
    /// The trader's share of all money.
    pub wealth: f64,
    pub log2_wealth: f64,
    /// (first index, trader in force from there on), oldest first.
    pub segments: Vec<(u64, u32)>,
    pub tax_bits: f64,
    /// log2 of the money of this one history.
    pub log2_share: f64,
}

impl<F: Real> State<F> {
    /// Trader j's wealth, in the book's units.
    pub fn wealth(&self, j: usize) -> Scaled {
        self.lazy.as_ref().map_or_else(
            || self.accounts.wealth.value(j),
            |lazy| lazy.wealth(&self.accounts, &self.roster, j),
        )
    }

    /// The share of trader j's money that stood unredefined since the present stage began.
    fn stayed(&self, j: usize) -> f64 {
        let old = match &self.lazy {
            Some(lazy) => lazy.unredefined(&self.accounts, &self.roster, j),
            None => self.accounts.unredefined.as_ref().map(|book| book.value(j)),
        };
        let all = self.wealth(j);
        match old {
            Some(old) if !all.is_zero() => (old / all).to_f64().min(1.0),
            _ => 1.0,
        }
    }
}

impl<F: Real> Market<F> {
    /// The present stage; "" before the first.
    #[must_use]
    pub fn stage(&self) -> &str {
        let clock = &self.state.clock;
        clock.names.get(clock.stage as usize).map_or("", String::as_str)
    }

    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.state.clock
    }

    #[must_use]
    pub fn traders(&self) -> &Traders<F> {
        &self.traders
    }

    #[must_use]
    pub fn state(&self) -> &State<F> {
        &self.state
    }

    /// The ledger's closed batches.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    #[must_use]
    pub fn groups(&self) -> &Groups {
        &self.traders.groups
    }

    #[must_use]
    pub fn reserve(&self) -> f64 {
        self.state.roster.reserve
    }

    /// Every trader's share of all money.
    #[must_use]
    pub fn wealth(&self) -> Vec<f64> {
        let unit = self.state.accounts.share_unit(self.state.roster.money);
        (0..self.len())
            .map(|j| (self.state.wealth(j) * unit).to_f64())
            .collect()
    }

    /// Its log2; minus infinity for who holds nothing.
    #[must_use]
    pub fn log2_wealth(&self) -> Vec<f64> {
        let unit = self.state.accounts.share_unit(self.state.roster.money);
        (0..self.len()).map(|j| (self.state.wealth(j) * unit).log2()).collect()
    }

    /// Every trader's prior in bits.
    #[must_use]
    pub fn bits(&self) -> Vec<f64> {
        (0..self.len()).map(|j| 0.0 - self.traders.share(j).log2()).collect()
    }

    /// The ledger up to now, the open batch included.
    #[must_use]
    pub fn ledger(&self) -> Vec<Entry> {
        let mut entries = self.entries.clone();
        if let Some(open) = &self.state.open {
            entries.extend(open.entries(&self.group_shares()));
        }
        entries
    }

    /// (stage, shares): of each trader's money, the share whose definition last changed in that stage.
    #[must_use]
    pub fn provenance(&self) -> Vec<(Option<String>, Vec<f64>)> {
        let state = &self.state;
        let stayed: Vec<_> = (0..self.len()).map(|j| state.stayed(j)).collect();
        let name = |stage: u32| state.clock.names.get(stage as usize).cloned();
        let shares = state.provenance.shares(state.clock.stage, stayed);
        shares
            .into_iter()
            .map(|(stage, shares)| (name(stage), shares))
            .collect()
    }

    /// The most probable histories of the `top` richest traders.
    #[must_use]
    pub fn definitions(&self, top: usize) -> Option<Vec<Definition>> {
        let histories = self.state.accounts.histories.as_ref()?;
        let unit = self.state.accounts.share_unit(self.state.roster.money);
        let mut richest: Vec<_> = (0..self.len()).map(|j| (self.state.wealth(j), j)).collect();
        richest.retain(|(w, _)| !w.is_zero());
        let order =
            |a: &(Scaled, usize), b: &(Scaled, usize)| b.0.partial_cmp(&a.0).expect("ordered").then(a.1.cmp(&b.1));
        if top < richest.len() {
            richest.select_nth_unstable_by(top, order);
            richest.truncate(top);
        }
        richest.sort_unstable_by(order);
        Some(
            richest
                .into_iter()
                .map(|(_, j)| self.definition(histories, j, unit))
                .collect(),
        )
    }

    fn definition(&self, histories: &Histories<F>, j: usize, unit: Scaled) -> Definition {
        let path = histories.path(&self.nodes, j);
        let starts = std::iter::once(0).chain(path.iter().map(|step| step.0));
        let traders = path.iter().map(|step| step.1).chain(std::iter::once(j as u32));
        let wealth = self.state.wealth(j) * unit;
        Definition {
            trader: j as u32,
            group: self.traders.groups.of(j) as u32,
            wealth: wealth.to_f64(),
            log2_wealth: wealth.log2(),
            segments: starts.zip(traders).collect(),
            tax_bits: histories.tax_bits[j],
            log2_share: (histories.scores.value(j) * unit).log2(),
        }
    }

    /// Bytes of state: the books and what stands beside each trader.
    ///
    /// A trader takes so many bytes, and 0.02 for its tiles' scales:
    ///
    /// | bytes | of what |
    /// | --- | --- |
    /// | 16; 8 in f32 | its prior and its wealth |
    /// | 0, 1, 2, 4 | its group: where there is one, up to 256, up to 65,536, more |
    /// | 0, 1, 2, 4 | its entry: where nobody is late, there are up to 255 dates, up to 65,535, more |
    /// | 0, 1, 2, 4 | how far its prior is drained: where in its tile nobody is, by up to 65,000 bits, 16 million, more (f32: 11,000, 2.8 million) |
    /// | 0, 1, 2, 4 | how far its wealth is drained: likewise |
    /// | 0, 2 | the levies it has been through: after sparse rounds with a tax on every round |
    ///
    /// So no more than 24 bytes, 16 in f32, while the rows below the first come to 7 or less: for instance with everybody
    /// late and everybody drained by millions of bits in 65,536 groups, 1 + 2 + 2 + 2.
    ///
    /// Provenance takes an account more and 8 bytes a stage, definitions an account and 12 bytes, a kernel by rows 8 bytes
    /// and 12 an entry. Not counted are a few sums for each group, some 100 bytes, and the book of before the last call,
    /// whose memory the next call uses.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let Accounts {
            wealth,
            unredefined,
            histories,
            ..
        } = &self.state.accounts;
        let traders = &self.traders;
        let mut bytes = wealth.bytes() + traders.rho.bytes();
        bytes += traders.groups.ids.bytes() + traders.calendar.bytes() + self.state.roster.rho.bytes();
        bytes += traders.tax.as_ref().map_or(0, |tax| tax.kernel.bytes());
        bytes += unredefined.as_ref().map_or(0, |book| book.bytes());
        bytes += histories.as_ref().map_or(0, |h| h.scores.bytes() + h.last.len() * 12);
        bytes += self.state.lazy.as_ref().map_or(0, |lazy| lazy.touched.bytes());
        let kept = &self.state.provenance;
        let columns = kept.columns().iter().chain(kept.spans());
        bytes + columns.map(|c| c.shares.len() * 8).sum::<usize>()
    }
}
