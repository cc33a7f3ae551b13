//! The inductor as Python sees it: sentences and traders by number, days as columns.

use super::exact::{exact, exacts, fraction, fractions};
use super::features::Spec;
use super::processes::DeductiveProcess;
use super::sentences::{Sentence, exported, imported};
use crate::errors::{InputError, PyResult, exception, in_use};
use crate::gil::{heard, released};
use gruemarket_core::logic::audit::Finding;
use gruemarket_core::logic::feature::{Features, Leaf, When};
use gruemarket_core::logic::inductor::{Day, Given, LogicalInductor as Core, Terms};
use gruemarket_core::logic::maker::{Options, Solver};
use gruemarket_core::logic::number::Exact;
use gruemarket_core::logic::process::Process;
use gruemarket_core::logic::{Sentence as Made, SentenceId, Sentences};
use gruemarket_core::{MarketError, Result};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, TryLockError};

type Columns<'py> = (Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<u32>>);
/// What was checked, whether it holds, the least slack, its day, trader and budget.
type Checked = (
    &'static str,
    bool,
    Option<f64>,
    Option<usize>,
    Option<usize>,
    Option<u64>,
);
type Priced<'py> = (Vec<Py<Sentence>>, Vec<Bound<'py, PyAny>>);
/// Sentences, shares, the first budget, factors.
type Traded<'py> = (Vec<u32>, Vec<Bound<'py, PyAny>>, u64, Vec<Bound<'py, PyAny>>);
type Numbers<'py> = Bound<'py, PyArray1<f64>>;
/// A sentence: kind, name, parts.
type Told = (&'static str, String, Vec<u32>);

const SOLVERS: [Solver; 5] = [
    Solver::Start,
    Solver::Line,
    Solver::DeepLine,
    Solver::Coupled,
    Solver::Deep,
];

fn solver(name: &str) -> PyResult<Solver> {
    let found = SOLVERS.into_iter().find(|solver| solver.name() == name);
    found.ok_or_else(|| InputError::new_err(format!("no prices are found by {name:?}")))
}

/// An inductor and the sentences that it speaks of: their numbers depend on nothing else, so neither do its answers.
#[derive(Default)]
struct State {
    core: Core,
    sentences: Sentences,
    /// None where the caller reveals.
    process: Option<Box<dyn Process>>,
    /// What the process gave for the day to come.
    next: Option<Vec<SentenceId>>,
}

#[pyclass(module = "gruemarket._core", frozen)]
#[derive(Default)]
pub struct LogicalInductor(Mutex<State>);

impl LogicalInductor {
    fn state(&self) -> PyResult<MutexGuard<'_, State>> {
        match self.0.try_lock() {
            Ok(state) => Ok(state),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(in_use()),
        }
    }
}

impl State {
    fn known(&self, id: u32) -> PyResult<SentenceId> {
        let missing = || InputError::new_err(format!("there is no sentence {id}"));
        ((id as usize) < self.sentences.len())
            .then_some(SentenceId(id))
            .ok_or_else(missing)
    }

    fn day(&self, day: usize) -> PyResult<&Day> {
        let found = day.checked_sub(1).and_then(|at| self.core.days().get(at));
        found.ok_or_else(|| InputError::new_err(format!("day {day}; days 1 to {} have prices", self.core.days().len())))
    }

    /// Asks the process for the day to come, and begins it.
    fn begin_day(&mut self) -> Result<()> {
        if self.core.is_open() {
            return Ok(());
        }
        if self.next.is_none() {
            let asked = self.process.as_mut().map(|process| process.next(&mut self.sentences));
            self.next = Some(asked.transpose()?.unwrap_or_default());
        }
        self.core
            .reveal(&self.sentences, self.next.clone().unwrap_or_default())?;
        self.next = None;
        Ok(())
    }

    /// Finds today's prices, and tells the process.
    fn clear(&mut self, terms: &Terms) -> Result<()> {
        let day = self.core.clear(&self.sentences, terms)?;
        let prices = day.sentences.iter().copied().zip(day.prices.iter().cloned());
        match &mut self.process {
            Some(process) if process.hears_prices() => process.cleared(&self.sentences, &prices.collect::<Vec<_>>()),
            _ => Ok(()),
        }
    }

    /// Asks a new process for all days again, after which it stands where the old one stood.
    fn follow_process(&mut self, mut process: Box<dyn Process>) -> Result<()> {
        for (number, day) in (1..).zip(self.core.days()) {
            if process.next(&mut self.sentences)? != day.revealed {
                return Err(MarketError::input(format!(
                    "the process reveals something else on day {number} than it did before; give the one of the same run"
                )));
            }
            if process.hears_prices() {
                let prices = day.sentences.iter().copied().zip(day.prices.iter().cloned());
                process.cleared(&self.sentences, &prices.collect::<Vec<_>>())?;
            }
        }
        self.process = Some(process);
        Ok(())
    }

    /// Days counted from 1, with their numbers.
    fn days(&self, after: usize) -> impl Iterator<Item = (u32, &Day)> {
        (1..).zip(self.core.days()).skip(after)
    }
}

#[pymethods]
impl LogicalInductor {
    #[new]
    fn new() -> Self {
        let mut state = State::default();
        state.core.heed(heard);
        Self(Mutex::new(state))
    }

    /// A copy without the process: a process cannot be copied, only begun again.
    fn fork(&self) -> PyResult<Self> {
        let state = self.state()?;
        Ok(Self(Mutex::new(State {
            core: state.core.clone(),
            sentences: state.sentences.clone(),
            process: None,
            next: state.next.clone(),
        })))
    }

    /// From now on this process reveals. If there are days already, it is asked for them first, and must reveal the same.
    fn follow_process(&self, process: &DeductiveProcess) -> PyResult<()> {
        let process = process.take()?;
        self.state()?.follow_process(process).map_err(exception)
    }

    /// The numbers of sentences.
    fn numbers(&self, sentences: Vec<PyRef<'_, Sentence>>) -> PyResult<Vec<u32>> {
        let mut state = self.state()?;
        let ids = imported(&mut state.sentences, &sentences);
        Ok(ids.into_iter().map(|id| id.0).collect())
    }

    fn sentences(&self, py: Python<'_>, ids: Vec<u32>) -> PyResult<Vec<Py<Sentence>>> {
        let state = self.state()?;
        let ids = ids
            .into_iter()
            .map(|id| state.known(id))
            .collect::<PyResult<Vec<_>>>()?;
        exported(py, &state.sentences, &ids)
    }

    /// A sentence that stands for another one each day, see `mean`.
    fn stand_in(&self) -> PyResult<u32> {
        let mut state = self.state()?;
        let name = format!("\u{1}{}", state.sentences.len()); // no text names it
        state.sentences.atom(&name).map(|id| id.0).map_err(exception)
    }

    /// A sentence as text; of one that is too long for that, the beginning.
    fn text(&self, number: u32) -> PyResult<String> {
        let state = self.state()?;
        let id = state.known(number)?;
        Ok(state.sentences.text(id).unwrap_or_else(|_| state.sentences.shown(id)))
    }

    fn enter(&self, weight: &Bound<'_, PyAny>) -> PyResult<usize> {
        let weight = exact(weight)?;
        self.state()?.core.enter(weight).map_err(exception)
    }

    fn follow(
        &self,
        trader: usize,
        traded: Vec<u32>,
        features: Option<Spec<'_>>,
        leaves: Vec<(u32, bool, u32)>,
    ) -> PyResult<()> {
        let mut state = self.state()?;
        let Some(spec) = features else {
            return state.core.follow(trader, &Features::new(), None).map_err(exception);
        };
        let mut arena = Features::new();
        let planted = spec.plant(&mut arena, &mut |at| {
            let missing = || InputError::new_err(format!("there is no leaf {at}"));
            let &(id, ago, days) = leaves.get(at as usize).ok_or_else(missing)?;
            let day = if ago { When::Ago(days) } else { When::Day(days) };
            Ok(Leaf {
                sentence: state.known(id)?,
                day,
            })
        })?;
        let traded = traded
            .into_iter()
            .map(|id| state.known(id))
            .collect::<PyResult<Vec<_>>>()?;
        let shares: Vec<_> = traded.into_iter().zip(planted).collect();
        state.core.follow(trader, &arena, Some(&shares)).map_err(exception)
    }

    fn mean(&self, stands: u32, today: u32) -> PyResult<()> {
        let mut state = self.state()?;
        let (stands, today) = (state.known(stands)?, state.known(today)?);
        state.core.mean(stands, today);
        Ok(())
    }

    fn reveal(&self, revealed: Vec<u32>) -> PyResult<()> {
        let mut state = self.state()?;
        let revealed = revealed
            .into_iter()
            .map(|id| state.known(id))
            .collect::<PyResult<_>>()?;
        let State { core, sentences, .. } = &mut *state;
        core.reveal(sentences, revealed).map_err(exception)
    }

    /// Begins a day with what the process reveals, unless it has begun.
    fn begin_day(&self) -> PyResult<()> {
        self.state()?.begin_day().map_err(exception)
    }

    fn is_open(&self) -> PyResult<bool> {
        Ok(self.state()?.core.is_open())
    }

    fn clear(
        &self,
        py: Python<'_>,
        tolerance: &Bound<'_, PyAny>,
        polish: Option<Bound<'_, PyAny>>,
        evaluations: u32,
        given: Option<(Vec<Bound<'_, PyAny>>, String, u32)>,
    ) -> PyResult<()> {
        let given = given
            .map(|(prices, name, evaluations)| {
                Ok::<_, PyErr>(Given {
                    prices: exacts(&prices)?,
                    solver: solver(&name)?,
                    evaluations,
                })
            })
            .transpose()?;
        let terms = Terms {
            tolerance: exact(tolerance)?,
            options: Options {
                polish: polish.as_ref().map(exact).transpose()?,
                evaluations,
                ..Options::default()
            },
            given,
        };
        let mut state = self.state()?;
        let state = &mut *state;
        released(py, |_| state.clear(&terms))
    }

    fn days(&self) -> PyResult<usize> {
        Ok(self.state()?.core.days().len())
    }

    /// The price of a sentence on a day, exactly; 0 where it was not traded, and of one that was never spoken of (None).
    fn price<'py>(&self, py: Python<'py>, number: Option<u32>, day: usize) -> PyResult<Bound<'py, PyAny>> {
        let state = self.state()?;
        let (known, day) = (number.map(|number| state.known(number)).transpose()?, state.day(day)?);
        fraction(py, &known.and_then(|id| day.price(id)).cloned().unwrap_or_default())
    }

    /// The sentences that were traded on a day, and their prices, exactly.
    fn day<'py>(&self, py: Python<'py>, day: usize) -> PyResult<Priced<'py>> {
        let state = self.state()?;
        let day = state.day(day)?;
        Ok((
            exported(py, &state.sentences, &day.sentences)?,
            fractions(py, &day.prices)?,
        ))
    }

    /// What was revealed on a day.
    fn revealed(&self, py: Python<'_>, day: usize) -> PyResult<Vec<Py<Sentence>>> {
        let state = self.state()?;
        exported(py, &state.sentences, &state.day(day)?.revealed)
    }

    /// The truth value of a sentence. A question leaves no trace: what is asked must not change how later ones are numbered.
    fn truth(&self, sentence: PyRef<'_, Sentence>) -> PyResult<Option<bool>> {
        let state = self.state()?;
        let mut scratch = state.sentences.clone();
        let id = imported(&mut scratch, &[sentence])[0];
        state.core.truth(&scratch, id).map_err(exception)
    }

    /// The same of a sentence by number.
    fn truth_of(&self, number: u32) -> PyResult<Option<bool>> {
        let state = self.state()?;
        state
            .core
            .truth(&state.sentences, state.known(number)?)
            .map_err(exception)
    }

    /// All sentences but the two constants, by number: kind, name (of an atom), parts.
    fn told(&self) -> PyResult<Vec<Told>> {
        let state = self.state()?;
        let all = (2..state.sentences.len() as u32).map(|id| match state.sentences.get(SentenceId(id)) {
            Made::Atom(name) => ("atom", name.to_string(), Vec::new()),
            made => (
                made.kind(),
                String::new(),
                made.parts().iter().map(|part| part.0).collect(),
            ),
        });
        Ok(all.collect())
    }

    /// Gives sentences the numbers that they had; before anything else is said.
    fn restore(&self, told: Vec<(String, String, Vec<u32>)>) -> PyResult<()> {
        let mut state = self.state()?;
        for (number, (kind, name, parts)) in (2..).zip(told) {
            let parts: Vec<_> = parts.into_iter().map(SentenceId).collect();
            let made = state.sentences.make(&kind, &name, &parts).map_err(exception)?;
            if made.index() != number {
                return Err(InputError::new_err(format!(
                    "sentence {number} is sentence {} again",
                    made.0
                )));
            }
        }
        Ok(())
    }

    /// Checks all days from stored trades alone. Of H1 to H4: whether it holds, the least slack, and where that was.
    fn audit(&self, py: Python<'_>) -> PyResult<Vec<Checked>> {
        let state = self.state()?;
        let State { core, sentences, .. } = &*state;
        let auditor = released(py, |_| core.audit(sentences))?;
        let told = |name: &'static str, finding: &Option<Finding>| match finding {
            Some(f) => (
                name,
                !f.slack.is_negative(),
                Some(f.slack.to_f64()),
                Some(f.day),
                f.trader,
                f.budget,
            ),
            None => (name, true, None, None, None, None),
        };
        let names = ["H1", "H2", "H3", "H4"];
        let mut checked: Vec<_> = names
            .into_iter()
            .zip(auditor.findings())
            .map(|(n, f)| told(n, f))
            .collect();
        checked.push(told("budgets", &auditor.wrong_budget().cloned()));
        Ok(checked)
    }

    /// Day, sentence, price: of all days after `after`.
    fn prices<'py>(&self, py: Python<'py>, after: usize) -> PyResult<(Columns<'py>, Numbers<'py>)> {
        let state = self.state()?;
        let (mut days, mut sentences, mut prices) = (Vec::new(), Vec::new(), Vec::new());
        for (number, day) in state.days(after) {
            days.extend(std::iter::repeat_n(number, day.sentences.len()));
            sentences.extend(day.sentences.iter().map(|id| id.0));
            prices.extend(day.prices.iter().map(Exact::to_f64));
        }
        let columns = (days.into_pyarray(py), sentences.into_pyarray(py));
        Ok((columns, prices.into_pyarray(py)))
    }

    /// Day, trader, least and greatest net worth: of all days after `after`.
    fn net_worth<'py>(&self, py: Python<'py>, after: usize) -> PyResult<(Columns<'py>, Numbers<'py>, Numbers<'py>)> {
        let state = self.state()?;
        let (mut days, mut traders, mut least, mut most) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, day) in state.days(after) {
            days.extend(std::iter::repeat_n(number, day.worth.len()));
            traders.extend(0..day.worth.len() as u32);
            least.extend(day.worth.iter().map(|(low, _)| *low));
            most.extend(day.worth.iter().map(|(_, high)| *high));
        }
        let columns = (days.into_pyarray(py), traders.into_pyarray(py));
        Ok((columns, least.into_pyarray(py), most.into_pyarray(py)))
    }

    /// Certificate, tolerance, solver and evaluations of all days after `after`.
    fn certificates<'py>(
        &self,
        py: Python<'py>,
        after: usize,
    ) -> PyResult<(Numbers<'py>, Numbers<'py>, Vec<&'static str>, Vec<u32>)> {
        let state = self.state()?;
        let each = || state.days(after).map(|(_, day)| day);
        let certificates: Vec<f64> = each().map(|day| day.certificate.to_f64()).collect();
        let tolerances: Vec<f64> = each().map(|day| day.tolerance.to_f64()).collect();
        let solvers = each().map(|day| day.solver.name()).collect();
        let evaluations = each().map(|day| day.evaluations).collect();
        Ok((
            certificates.into_pyarray(py),
            tolerances.into_pyarray(py),
            solvers,
            evaluations,
        ))
    }

    /// The certificate of a day, exactly.
    fn certificate<'py>(&self, py: Python<'py>, day: usize) -> PyResult<Bound<'py, PyAny>> {
        fraction(py, &self.state()?.day(day)?.certificate)
    }

    /// What a trader bought on a day before any budget, sentence by sentence; the first budget that was not shut off, and the
    /// factors of the budgets from there on, the last for all above (none: 1).
    fn trade<'py>(&self, py: Python<'py>, trader: usize, day: usize) -> PyResult<Option<Traded<'py>>> {
        let state = self.state()?;
        let day = state.day(day)?;
        let Some(trade) = day.trades.iter().find(|trade| trade.trader == trader) else {
            return Ok(None);
        };
        let sentences = trade.columns.iter().map(|at| day.sentences[*at].0).collect();
        let (shares, factors) = (fractions(py, &trade.shares)?, fractions(py, &trade.factors)?);
        Ok(Some((sentences, shares, trade.first, factors)))
    }
}
