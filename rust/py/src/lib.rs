//! The Python extension module `gruemarket._core`. Everything that Python sees is listed here.

mod build_info;

#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use super::build_info::build_info;
}
