//! What this extension was built from, so that no number is ever measured on the wrong build.

use pyo3::prelude::*;
use pyo3::types::PyDict;

const PROFILE: &str = if cfg!(debug_assertions) { "debug" } else { "release" };

/// Version, profile ("release" or "debug"), git commit (None if unknown), rustc and target of this build.
#[pyfunction]
pub fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let info = PyDict::new(py);
    info.set_item("version", env!("CARGO_PKG_VERSION"))?;
    info.set_item("profile", PROFILE)?;
    info.set_item("commit", option_env!("GRUEMARKET_GIT_COMMIT"))?;
    info.set_item("rustc", option_env!("GRUEMARKET_RUSTC_VERSION"))?;
    info.set_item("target", option_env!("GRUEMARKET_TARGET"))?;
    Ok(info)
}
