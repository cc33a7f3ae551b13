//! Families of bytes as Python sees them: parse, release the GIL, call the core, map the error.

use crate::errors::{InputError, PyResult, exception};
use crate::gil::released;
use crate::input::TaxSpec;
use gruemarket_core::MarketError;
use gruemarket_core::families::text::pool::Clearing;
use gruemarket_core::families::{Family, context_tree, text};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyDict;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const MIB: f64 = 1_048_576.0;

/// Bits in either type that Python has them in.
#[derive(FromPyObject)]
enum Bits<'py> {
    U8(PyReadonlyArray1<'py, u8>),
    U32(PyReadonlyArray1<'py, u32>),
}

/// The class of a core's family that reads bytes: the methods that all have, and its own.
macro_rules! byte_family {
    ($class:ident, $core:ty, { $($own:tt)* }) => {
        #[pyclass(module = "gruemarket._core", frozen)]
        pub struct $class {
            pub inner: Arc<Mutex<$core>>,
        }

        impl $class {
            fn of(core: $core) -> Self {
                Self {
                    inner: Arc::new(Mutex::new(core)),
                }
            }

            /// The family, for a caller without the GIL.
            fn detached(&self) -> MutexGuard<'_, $core> {
                self.inner.lock().unwrap_or_else(PoisonError::into_inner)
            }

            /// The family, for a caller with the GIL: it lets go of it while another thread holds the family.
            fn attached(&self, py: Python<'_>) -> MutexGuard<'_, $core> {
                self.inner.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
            }
        }

        #[pymethods]
        impl $class {
            $($own)*

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

            fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
                released(py, |_| self.detached().save(&path))
            }

            #[staticmethod]
            fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
                released(py, |_| <$core>::load(&path).map(Self::of))
            }

            #[getter]
            fn traders(&self, py: Python<'_>) -> PyResult<u64> {
                released(py, |_| Ok::<_, MarketError>(self.detached().traders()))
            }

            #[getter]
            fn awake(&self, py: Python<'_>) -> usize {
                self.attached(py).awake()
            }

            #[getter]
            fn memory_bytes(&self, py: Python<'_>) -> usize {
                self.attached(py).memory_bytes()
            }
        }
    };
}

byte_family!(Text, text::Text, {
    #[new]
    #[pyo3(signature = (memory_mib, orders, word, matches, clearing, floor, estimator, limit, endowment, seed))]
    #[allow(clippy::too_many_arguments)] // gruemarket.Text, the only caller, names them
    fn new(
        py: Python<'_>,
        memory_mib: f64,
        orders: Vec<u32>,
        word: bool,
        matches: bool,
        clearing: (String, f64),
        floor: f64,
        estimator: f64,
        limit: f64,
        endowment: f64,
        seed: u64,
    ) -> PyResult<Self> {
        if !(1.0..=16384.0).contains(&memory_mib) {
            return Err(InputError::new_err(format!("memory_mib {memory_mib}; give 1 to 16384")));
        }
        let clearing = match (clearing.0.as_str(), clearing.1) {
            ("log pool", step) => Clearing::LogPool { step },
            (_, fraction) => Clearing::Kelly { fraction },
        };
        let config = text::Config {
            memory_bytes: (memory_mib * MIB) as usize,
            orders,
            word,
            matches,
            clearing,
            floor,
            estimator,
            limit,
            endowment,
            seed,
        };
        released(py, |_| text::Text::new(config).map(Self::of))
    }

    fn fork(&self, py: Python<'_>) -> PyResult<Self> {
        released(py, |_| self.detached().copy().map(Self::of))
    }

    /// The arguments it was made with.
    #[getter]
    fn config<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let config = self.attached(py).config().clone();
        let dict = PyDict::new(py);
        dict.set_item("memory_mib", config.memory_bytes as f64 / MIB)?;
        dict.set_item("orders", config.orders)?;
        dict.set_item("word", config.word)?;
        dict.set_item("matches", config.matches)?;
        dict.set_item(
            "clearing",
            match config.clearing {
                Clearing::LogPool { step } => ("log pool", step),
                Clearing::Kelly { fraction } => ("Kelly", fraction),
            },
        )?;
        dict.set_item("floor", config.floor)?;
        dict.set_item("estimator", config.estimator)?;
        dict.set_item("limit", config.limit)?;
        dict.set_item("endowment", config.endowment)?;
        dict.set_item("seed", config.seed)?;
        Ok(dict)
    }
});

byte_family!(ContextTree, context_tree::ContextTree, {
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
        let config = context_tree::Config {
            depth,
            factored,
            estimator,
            leaf_bits,
            tax: tax.map(|spec| spec.parse(2)).transpose()?,
            memory_bytes: (memory_mib * MIB) as usize,
        };
        context_tree::ContextTree::new(config).map(Self::of).map_err(exception)
    }

    fn fork(&self, py: Python<'_>) -> PyResult<Self> {
        released(py, |_| Ok::<_, MarketError>(Self::of(self.detached().clone())))
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
});
