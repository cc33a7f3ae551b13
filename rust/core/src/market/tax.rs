//! Who levies the tax: asks the schedule, prepares the levy, enters it into the ledger.

use crate::accounts::book::TILE;
use crate::accounts::groups::{GroupMoney, Groups};
use crate::error::Result;
use crate::grue::definitions::{Node, Steps};
use crate::grue::kernel::{Kernel, Rows};
use crate::grue::levy::{self, Levy};
use crate::grue::{Tax, Unit};
use crate::ledger::Open;
use crate::market::play;
use crate::market::state::{Accounts, Roster, Traders};
use crate::real::Real;
use crate::scaled::Scaled;
use std::sync::Arc;

/// A levy that is due: its index and its hazard.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub clock: u64,
    pub hazard: f64,
}

pub struct Taxman<'a, F> {
    pub traders: &'a Traders<F>,
    pub open: &'a mut Open,
    pub nodes: &'a mut Vec<Node>,
    /// The share of the money that the accounts at hand stand for: 1/E for an episode of a batch of E.
    pub weight: f64,
    /// Bits of the present stage's landmark, until its first levy.
    pub landmark: &'a mut Option<f64>,
    /// The groups' money, where the last round has already summed it up.
    pub money: Option<Vec<GroupMoney>>,
}

impl<'a, F: Real> Taxman<'a, F> {
    /// The taxman of a market whose batch is open.
    pub fn new(
        traders: &'a Traders<F>,
        open: &'a mut Option<Arc<Open>>,
        landmark: &'a mut Option<f64>,
        nodes: &'a mut Vec<Node>,
        weight: f64,
    ) -> Self {
        let open = Arc::make_mut(open.get_or_insert_default());
        Self {
            traders,
            open,
            nodes,
            weight,
            landmark,
            money: None,
        }
    }

    fn tax(&self) -> Option<&Tax> {
        self.traders.tax.as_ref()
    }

    pub fn by_round(&self) -> bool {
        self.tax().is_some_and(|tax| tax.unit == Unit::Round)
    }

    /// The groups whose money each round is to sum up tile by tile for the next levy.
    pub fn groups_by_tile(&self) -> Option<&'a Groups> {
        let groups = &self.traders.groups;
        let wanted = self.by_round() && groups.by_tile();
        (wanted && !matches!(self.tax()?.kernel, Kernel::Rows(_))).then_some(groups)
    }

    fn group_money(&mut self, accounts: &Accounts<F>, roster: &Roster<F>) -> Vec<GroupMoney> {
        let groups = &self.traders.groups;
        let known = self.money.take();
        known.unwrap_or_else(|| groups.money(&accounts.wealth, &roster.rho, accounts.total.exponent))
    }

    /// What is due before the round of index `clock`.
    pub fn due(&mut self, clock: u64) -> Result<Option<Due>> {
        if !self.by_round() {
            return Ok(None);
        }
        let landmark = self.landmark.take();
        let hazard = self.tax().map_or(Ok(0.0), |tax| tax.hazard(clock, landmark))?;
        Ok((hazard > 0.0).then_some(Due { clock, hazard }))
    }

    /// Prepares a levy to be applied tile by tile. A levy by rows is carried out here and now.
    pub fn prepare(&mut self, accounts: &mut Accounts<F>, roster: &Roster<F>, due: Option<Due>) -> Option<Levy<'a>> {
        let Due { clock, hazard } = due?;
        let traders = self.traders;
        let kernel = &traders.tax.as_ref()?.kernel;
        let (groups, weights) = (&traders.groups, &*roster.weights);
        if traders.provenance && accounts.unredefined.is_none() {
            accounts.unredefined = Some(Arc::clone(&accounts.wealth));
        }
        if let Some(histories) = &mut accounts.histories {
            let steps = match kernel {
                Kernel::Anything => Steps::Anything(weights),
                Kernel::WithinGroups => Steps::WithinGroups(weights, groups),
                Kernel::Rows(rows) => Steps::Rows(rows),
            };
            Arc::make_mut(histories).levy(self.nodes, clock, hazard, &steps, &roster.rho);
        }
        let alone = groups.count == 1;
        match kernel {
            Kernel::Anything => {
                if !alone {
                    let money = self.group_money(accounts, roster);
                    self.enter_anything(&money, accounts, roster, hazard);
                }
                Some(Levy::anything(hazard, weights.total, accounts.total))
            }
            Kernel::WithinGroups if alone => Some(Levy::anything(hazard, weights.entered[0], accounts.total)),
            Kernel::WithinGroups => {
                let unit = accounts.total.exponent;
                let money = self.group_money(accounts, roster);
                self.enter_within(&money, accounts, roster, hazard);
                Some(Levy::within_groups(hazard, weights, groups, &money, unit))
            }
            Kernel::Rows(rows) => {
                self.levy_rows(rows, accounts, roster, hazard);
                None
            }
        }
    }

    /// Levies what is due on whole books.
    pub fn levy(&mut self, accounts: &mut Accounts<F>, roster: &Roster<F>, due: Due) {
        let levy = self.prepare(accounts, roster, Some(due));
        let Some(levy) = &levy else { return };
        let given_back = play::levy(accounts, roster, levy);
        self.collect(Some(levy), accounts, roster, given_back);
    }

    /// Enters a levy of a lone group, whose `given_back = sum rho w` is known only after the pass.
    pub fn collect(&mut self, levy: Option<&Levy<'_>>, accounts: &Accounts<F>, roster: &Roster<F>, given_back: Scaled) {
        if let (1, Some(Levy::Anything { moved, give_back, .. })) = (self.traders.groups.count, levy) {
            let unit = accounts.share_unit(roster.money);
            let amount = moved * (accounts.total * unit).to_f64() - (given_back * *give_back * unit).to_f64();
            self.enter(&[amount], &[amount]);
        }
    }

    /// Enters what each group paid and received.
    pub fn enter(&mut self, paid: &[f64], received: &[f64]) {
        // a group cannot pay less than nothing; the difference of near equals may round to it
        let weigh = |x: &f64| x.max(0.0) * self.weight;
        for (sum, x) in self.open.paid.iter_mut().zip(paid) {
            *sum += weigh(x);
        }
        for (sum, x) in self.open.received.iter_mut().zip(received) {
            *sum += weigh(x);
        }
    }

    fn enter_anything(&mut self, money: &[GroupMoney], accounts: &Accounts<F>, roster: &Roster<F>, hazard: f64) {
        let unit = accounts.share_unit(roster.money);
        let all = (accounts.total * unit).to_f64();
        let weights = &roster.weights;
        let flows = money.iter().zip(&weights.entered).map(|(m, rho)| {
            let own = (m.own * unit).to_f64();
            let paid = hazard * (weights.total * (m.wealth * unit).to_f64() - own);
            (paid, hazard * (rho * all - own))
        });
        let (paid, received): (Vec<_>, Vec<_>) = flows.unzip();
        self.enter(&paid, &received);
    }

    fn enter_within(&mut self, money: &[GroupMoney], accounts: &Accounts<F>, roster: &Roster<F>, hazard: f64) {
        let unit = accounts.share_unit(roster.money);
        let weights = &roster.weights;
        let flows = money.iter().zip(&weights.entered);
        let moved = |(m, entered): (&GroupMoney, &f64)| {
            hazard * ((m.wealth * unit).to_f64() * entered - (m.own * unit).to_f64())
        };
        let moved: Vec<_> = flows.map(moved).collect();
        self.enter(&moved, &moved);
    }

    fn levy_rows(&mut self, rows: &Rows, accounts: &mut Accounts<F>, roster: &Roster<F>, hazard: f64) {
        let flows = levy::flows(rows, hazard, &accounts.wealth, &roster.rho);
        let groups = &self.traders.groups;
        let unit = accounts.share_unit(roster.money);
        let (mut paid, mut received) = (vec![0.0; groups.count], vec![0.0; groups.count]);
        for i in 0..accounts.wealth.len() {
            paid[groups.of(i)] += (accounts.wealth.value(i) * unit).to_f64() * (1.0 - flows.stay[i]);
            received[groups.of(i)] += (flows.inflow[i] * unit).to_f64();
        }
        self.enter(&paid, &received);
        for (t, mut tile) in Arc::make_mut(&mut accounts.wealth).tiles_mut().enumerate() {
            tile.assign(|old, i| old * flows.stay[t * TILE + i] + flows.inflow[t * TILE + i]);
        }
        if let Some(old) = &mut accounts.unredefined {
            for (t, mut tile) in Arc::make_mut(old).tiles_mut().enumerate() {
                tile.assign(|old, i| old * flows.stay[t * TILE + i]);
            }
        }
    }
}
