//! The Python extension module `gruemarket._core`. Everything that Python sees is listed here.

mod build_info;
mod clearing;
mod errors;
mod families;
mod forecasts;
mod gil;
mod input;
mod logic;
mod market;
mod program_family;
mod programs;
mod text;
mod threads;

#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use super::build_info::build_info;
    #[pymodule_export]
    use super::families::Members;
    #[pymodule_export]
    use super::forecasts::{ForecastBook, ForecastRun};
    #[pymodule_export]
    use super::input::hazards;
    #[pymodule_export]
    use super::logic::features::FeatureProgram;
    #[pymodule_export]
    use super::logic::inductor::LogicalInductor;
    #[pymodule_export]
    use super::logic::maker::clear_features;
    #[pymodule_export]
    use super::logic::processes::DeductiveProcess;
    #[pymodule_export]
    use super::logic::sentences::{Sentence, atom, one_of, parse_sentence};
    #[pymodule_export]
    use super::logic::worlds::PlausibleWorlds;
    #[pymodule_export]
    use super::market::{Market, Run};
    #[pymodule_export]
    use super::program_family::Programs;
    #[pymodule_export]
    use super::programs::{Enumeration, Predictor, run_program, sample_programs};
    #[pymodule_export]
    use super::text::{ContextTree, Text};
    #[pymodule_export]
    use super::threads::{set_threads, threads};
}
