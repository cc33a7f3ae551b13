//! What a market is made of: the traders, who do not change, and the state, which moves.

use crate::accounts::book::Book;
use crate::accounts::calendar::Calendar;
use crate::accounts::entered::Entered;
use crate::accounts::groups::{GroupMoney, Groups, Summed};
use crate::clearing::Rule;
use crate::error::{MarketError, Result};
use crate::grue::definitions::Histories;
use crate::grue::kernel::Kernel;
use crate::grue::levy::Weights;
use crate::grue::provenance::{Column, Provenance};
use crate::grue::stays::{Levied, Stays};
use crate::grue::{Tax, Unit};
use crate::ledger::Open;
use crate::market::lazy::Lazy;
use crate::real::Real;
use crate::rounds::Layout;
use crate::scaled::Scaled;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The traders and the rules they play by.
#[derive(Clone, Debug)]
pub struct Traders<F> {
    /// The kernel's weights: the prior shares, within groups divided by their group's sum.
    pub rho: Arc<Book<F>>,
    /// The groups' prior sums that `rho` was divided by; empty where it was not.
    pub over: Vec<Scaled>,
    /// What the prior leaves to nobody.
    pub reserve: f64,
    pub calendar: Arc<Calendar>,
    pub groups: Groups,
    pub outcomes: usize,
    pub rule: Rule,
    pub tax: Option<Tax>,
    pub provenance: bool,
    pub definitions: bool,
}

/// The accounts of a moment: slow wealth between episodes, or the fast wealth of one episode.
#[derive(Clone, Debug)]
pub struct Accounts<F> {
    pub wealth: Arc<Book<F>>,
    /// The book's sum: the unit that makes shares of it.
    pub total: Scaled,
    /// The money whose definition did not change in this stage; `None` while that is all of it.
    pub unredefined: Option<Arc<Book<F>>>,
    pub histories: Option<Arc<Histories<F>>>,
    /// Whether some trader may have lost everything, so that wealth ratios do not tell its regret.
    pub bankruptcies: bool,
}

/// Who has entered, and what waits.
#[derive(Clone, Debug)]
pub struct Roster<F> {
    pub rho: Entered<F>,
    pub weights: Arc<Weights>,
    /// Money not owned by an entered trader.
    pub reserve: f64,
    /// The part of it that waits for nobody.
    pub idle: f64,
    /// Money of the entered, which may be far less than a float's distance from 1.
    pub money: Scaled,
}

/// How much has begun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    pub rounds: u64,
    pub episodes: u64,
    pub batches: u64,
    pub stages: u64,
    /// The present stage, an index into `names`.
    pub stage: u32,
    pub names: Vec<String>,
    /// Bits of the present stage's landmark, until its first levy.
    pub landmark: Option<f64>,
}

/// Everything that a call may change; cloning shares the books.
#[derive(Clone, Debug)]
pub struct State<F> {
    pub accounts: Accounts<F>,
    pub roster: Roster<F>,
    pub clock: Clock,
    pub provenance: Provenance,
    pub open: Option<Arc<Open>>,
    pub lazy: Option<Arc<Lazy>>,
    /// The groups' money, from when it was last needed.
    pub summed: Option<Arc<Summed<F>>>,
}

impl<F: Real> State<F> {
    /// Goes on with other traders who hold the same money in all: those of them who have entered, and what a column of
    /// provenance says of them. Their accounts are divided apart.
    pub fn hand_on(&mut self, traders: &Traders<F>, rho: Entered<F>, columns: impl Fn(&[Column]) -> Vec<Column>) {
        self.roster = Roster {
            weights: Arc::new(traders.weights(&rho)),
            rho,
            ..self.roster.clone()
        };
        self.provenance = Provenance::from_parts(
            self.provenance.stages().to_vec(),
            columns(self.provenance.columns()),
            columns(self.provenance.spans()),
        );
    }
}

impl<F: Real> Traders<F> {
    /// The roster before anything has happened: everybody but the late.
    #[must_use]
    pub fn roster(&self) -> Roster<F> {
        let rho = self.entered(self.calendar.after(0));
        let (idle, mut reserve) = (self.reserve, self.reserve);
        for j in rho.absent() {
            reserve += self.share(j as usize).to_f64();
        }
        let weights = Arc::new(self.weights(&rho));
        let mut roster = Roster {
            rho,
            weights,
            reserve,
            idle,
            money: Scaled::ONE,
        };
        if reserve > 0.0 {
            roster.money = Accounts::new(self, &roster).total;
        }
        roster
    }

    /// The prior shares of all but those who enter from rank `next` on.
    #[must_use]
    pub fn entered(&self, next: Option<u32>) -> Entered<F> {
        Entered::new(Arc::clone(&self.rho), Arc::clone(&self.calendar), next)
    }

    /// Whether the tax is levied before every round.
    #[must_use]
    pub fn taxes_rounds(&self) -> bool {
        self.tax.as_ref().is_some_and(|tax| tax.unit == Unit::Round)
    }

    /// Whether a levy before a sparse round may wait until it concerns somebody.
    #[must_use]
    pub fn taxes_lazily(&self) -> bool {
        self.taxes_rounds()
            && !self.definitions
            && matches!(
                &self.tax,
                Some(Tax {
                    kernel: Kernel::Anything,
                    ..
                })
            )
    }

    /// Refuses what the market's rule cannot clear.
    pub fn check_layout(&self, layout: Layout, rounds: usize) -> Result<()> {
        if layout == Layout::Likelihood && rounds > 0 && !self.rule.is_kelly() {
            return Err(MarketError::input(
                "likelihoods= tell what each trader gave to what happened; every clearing rule but Kelly's needs the \
                 forecasts of every outcome: give forecasts and outcomes",
            ));
        }
        Ok(())
    }

    /// Trader j's prior share of all money.
    #[must_use]
    pub fn share(&self, j: usize) -> Scaled {
        let rho = self.rho.value(j);
        if self.over.is_empty() {
            rho
        } else {
            rho * self.over[self.groups.of(j)]
        }
    }

    /// The levies before `rounds` rounds from index `first` on, where they leave something of everybody's definition and are
    /// of rank one with the same sum for all.
    pub fn stays(&self, roster: &Roster<F>, landmark: Option<f64>, first: u64, rounds: usize) -> Result<Option<Stays>> {
        let Some(tax) = self.tax.as_ref().filter(|_| self.provenance) else {
            return Ok(None);
        };
        let total = match tax.kernel {
            Kernel::Anything => roster.weights.total,
            Kernel::WithinGroups if self.calendar.is_empty() && !roster.weights.entered.contains(&0.0) => 1.0,
            _ => return Ok(None),
        };
        let mut stays = Stays::default();
        for t in 0..rounds as u64 {
            let hazard = tax.hazard(first + t, landmark.filter(|_| t == 0))?;
            if 1.0 - hazard * total < 1e-6 {
                return Ok(None);
            }
            stays.push(Levied { hazard, total });
        }
        Ok(Some(stays))
    }

    /// The kernel's sums over those whose share in `rho` is not 0.
    #[must_use]
    pub fn weights(&self, rho: &Entered<F>) -> Weights {
        let by_group = |book: &Entered<F>| {
            if self.groups.count == 1 {
                return vec![book.sum()];
            }
            let mut sums = vec![Scaled::ZERO; self.groups.count];
            for i in 0..book.len() {
                let sum = &mut sums[self.groups.of(i)];
                *sum = *sum + book.value(i);
            }
            sums
        };
        let mut entered: Vec<_> = by_group(rho).into_iter().map(Scaled::to_f64).collect();
        if !self.over.is_empty() && self.calendar.is_empty() {
            // each group's weights were divided by their sum; where it has any they sum to 1, but for rounding
            entered.iter_mut().filter(|sum| **sum > 0.0).for_each(|sum| *sum = 1.0);
        }
        Weights {
            total: rho.sum().to_f64(),
            entered,
        }
    }

    /// Lets in everyone due at `episode`: their prior mass moves from the reserve to them. Returns who, with their shares.
    pub fn enter(&self, accounts: &mut Accounts<F>, roster: &mut Roster<F>, episode: u64) -> Vec<(usize, f64)> {
        let last = self.calendar.by(episode);
        let Some(first) = roster.rho.next().filter(|&next| next <= last) else {
            return Vec::new();
        };
        let due = self.calendar.within(first, last).into_iter();
        let due: Vec<_> = due.map(|(_, j)| (j as usize, self.share(j as usize))).collect();
        roster.rho = self.entered(self.calendar.after(last));
        let unit = if accounts.total.is_zero() {
            roster.money = Scaled::ZERO;
            Scaled::ONE
        } else {
            accounts.total / roster.money
        };
        let wealth = Arc::make_mut(&mut accounts.wealth);
        let mut old = accounts.unredefined.as_mut().map(Arc::make_mut);
        let mut histories = accounts.histories.as_mut().map(Arc::make_mut);
        for &(j, share) in &due {
            wealth.set(j, share * unit);
            if let Some(old) = &mut old {
                old.set(j, share * unit);
            }
            if let Some(histories) = &mut histories {
                histories.scores.set(j, share * unit);
            }
            roster.reserve -= share.to_f64();
            roster.money = roster.money + share;
        }
        if roster.rho.next().is_none() {
            roster.reserve = roster.idle;
            if roster.idle == 0.0 {
                roster.money = Scaled::ONE;
            }
        }
        wealth.tiles_mut().for_each(|mut tile| tile.normalise());
        roster.weights = Arc::new(self.weights(&roster.rho));
        accounts.total = accounts.wealth.sum();
        due.into_iter().map(|(j, share)| (j, share.to_f64())).collect()
    }
}

impl<F: Real> Accounts<F> {
    /// Accounts that hold the prior shares of those who `roster` says have entered.
    #[must_use]
    pub fn new(traders: &Traders<F>, roster: &Roster<F>) -> Self {
        let definitions = traders.definitions;
        let wealth = if traders.over.is_empty() {
            roster.rho.book()
        } else {
            let share = |j: usize| roster.rho.value(j) * traders.over[traders.groups.of(j)];
            Arc::new(Book::from_values(roster.rho.len(), share))
        };
        let holders = wealth.mantissas.iter().filter(|m| **m > F::ZERO).count();
        let broke = holders + roster.rho.absent().len() < wealth.len();
        let histories = definitions.then(|| Arc::new(Histories::new((*wealth).clone())));
        Self {
            total: wealth.sum(),
            wealth,
            unredefined: None,
            histories,
            bankruptcies: broke,
        }
    }

    /// Puts a book that is yet to be filled in the place of the wealth, which is returned.
    pub fn replace_wealth(&mut self, spare: Option<Book<F>>) -> Arc<Book<F>> {
        let mut fresh = spare.unwrap_or_else(|| Book::empty(0));
        fresh.fit(self.wealth.len());
        std::mem::replace(&mut self.wealth, Arc::new(fresh))
    }

    /// The money that stands unredefined since the present stage began.
    #[must_use]
    pub fn standing(&self) -> &Book<F> {
        self.unredefined.as_ref().unwrap_or(&self.wealth)
    }

    /// A book unit in shares of all money.
    #[must_use]
    pub fn share_unit(&self, money: Scaled) -> Scaled {
        if self.total.is_zero() {
            return Scaled::ZERO;
        }
        money / self.total
    }
}

impl<F: Real> State<F> {
    /// The groups' money, where it is known already.
    #[must_use]
    pub fn known_money(&self) -> Option<&Vec<GroupMoney>> {
        self.summed.as_ref()?.of(&self.accounts.wealth, &self.roster.rho)
    }

    /// Keeps the groups' money until the books change.
    pub fn keep_money(&mut self, money: Vec<GroupMoney>) {
        self.summed = Some(Arc::new(Summed::new(&self.accounts.wealth, &self.roster.rho, money)));
    }

    /// Lets go of the books, to be put back by whoever holds them.
    pub fn forget_books(&mut self) {
        self.accounts.wealth = Arc::new(Book::empty(0));
        self.accounts.unredefined = None;
        self.accounts.histories = None;
        self.lazy = None;
    }
}

impl Clock {
    /// The present stage, if one has begun.
    pub fn present(&self) -> impl Iterator<Item = u32> {
        (self.stages > 0).then_some(self.stage).into_iter()
    }

    /// Makes `name` the present stage (`None`: leaves it); says whether a new stage has begun.
    pub fn enter_stage(&mut self, name: Option<&str>) -> bool {
        let name = match (name, self.stages) {
            (Some(name), _) => name,
            (None, 0) => "main",
            (None, _) => return false,
        };
        if self.stages > 0 && self.names[self.stage as usize] == name {
            return false;
        }
        let known = self.names.iter().position(|n| n == name);
        self.stage = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        }) as u32;
        self.stages += 1;
        true
    }
}
