//! Context trees as Python sees them: parse, release the GIL, call the core, map the error.

use crate::errors::{InputError, PyResult, exception};
use crate::gil::released;
use crate::input::TaxSpec;
use gruemarket_core::MarketError;
use gruemarket_core::families::Family;
use gruemarket_core::families::context_tree::{Config, ContextTree as Core};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyDict;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const MIB: f64 = 1024.0 * 1024.0;

#[pyclass(module = "gruemarket._core", frozen)]
pub struct ContextTree {
    pub inner: Arc<Mutex<Core>>,
}

/// Bits in either type that Python has them in.
#[derive(FromPyObject)]
enum Bits<'py> {
    U8(PyReadonlyArray1<'py, u8>),
    U32(PyReadonlyArray1<'py, u32>),
}

impl ContextTree {
    fn of(core: Core) -> Self {
        Self {
            inner: Arc::new(Mutex::new(core)),
        }
    }

    /// The trees, for a caller without the GIL.
    fn detached(&self) -> MutexGuard<'_, Core> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The trees, for a caller with the GIL: it lets go of it while another thread holds them.
    fn attached(&self, py: Python<'_>) -> MutexGuard<'_, Core> {
        self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl ContextTree {
    #[new]
    #[pyo3(signature = (depth, factored, estimator, leaf_bits, tax, memory_mib))]
    fn new(
        depth: usize,
        factored: bool,
        estimator: f64,
        leaf_bits: f64,
        tax: Option<TaxSpec<'_>>,
        memory_mib: f64,
    ) -> PyResult<Self> {
        if !(memory_mib > 0.0 && memory_mib.is_finite()) {
            return Err(InputError::new_err(format!(
                "memory_mib {memory_mib}; give a finite number > 0"
            )));
        }
        let config = Config {
            depth,
            factored,
            estimator,
            leaf_bits,
            tax: tax.map(|spec| spec.parse(2)).transpose()?,
            memory_bytes: (memory_mib * MIB) as usize,
        };
        Core::new(config).map(Self::of).map_err(exception)
    }

    fn begin_episode(&self, py: Python<'_>) -> PyResult<()> {
        self.attached(py).begin_episode().map_err(exception)
    }

    fn forecast<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let mut prices = vec![0.0; 2];
        self.attached(py).forecast(&mut prices).map_err(exception)?;
        prices.into_pyarray(py).reshape([2, 1])
    }

    fn byte_forecast<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let bytes = released(py, |_| self.detached().byte_forecast())?;
        Ok(bytes.into_pyarray(py))
    }

    fn observe(&self, py: Python<'_>, outcome: u32) -> PyResult<()> {
        self.attached(py).observe(outcome).map_err(exception)
    }

    fn read<'py>(&self, py: Python<'py>, outcomes: Bits<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let outcomes: Vec<u32> = match &outcomes {
            Bits::U8(bits) => bits.as_array().iter().map(|&x| u32::from(x)).collect(),
            Bits::U32(bits) => bits.as_array().to_vec(),
        };
        let mut out = vec![0.0; outcomes.len()];
        released(py, |interrupt| {
            self.detached().read_until(&outcomes, &mut out, interrupt)
        })?;
        let rounds = out.len();
        out.into_pyarray(py).reshape([rounds, 1])
    }

    fn bits(&self, py: Python<'_>, data: &[u8]) -> PyResult<f64> {
        released(py, |interrupt| self.detached().code_length(data, interrupt))
    }

    #[pyo3(signature = (frozen = true))]
    fn freeze(&self, py: Python<'_>, frozen: bool) {
        self.attached(py).freeze(frozen);
    }

    #[getter]
    fn frozen(&self, py: Python<'_>) -> bool {
        self.attached(py).frozen()
    }

    fn fork(&self, py: Python<'_>) -> PyResult<Self> {
        released(py, |_| Ok::<_, MarketError>(Self::of(self.detached().clone())))
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        released(py, |_| self.detached().save(&path))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        released(py, |_| Core::load(&path).map(Self::of))
    }

    #[getter]
    fn traders(&self, py: Python<'_>) -> u64 {
        self.attached(py).traders()
    }

    #[getter]
    fn awake(&self, py: Python<'_>) -> usize {
        self.attached(py).awake()
    }

    #[getter]
    fn memory_bytes(&self, py: Python<'_>) -> usize {
        self.attached(py).memory_bytes()
    }

    #[getter]
    fn config<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let config = self.attached(py).config();
        let dict = PyDict::new(py);
        dict.set_item("depth", config.depth)?;
        dict.set_item("factored", config.factored)?;
        dict.set_item("estimator", config.estimator)?;
        dict.set_item("leaf_bits", config.leaf_bits)?;
        dict.set_item("taxed", config.tax.is_some())?;
        dict.set_item("memory_mib", config.memory_bytes as f64 / MIB)?;
        Ok(dict)
    }
}
