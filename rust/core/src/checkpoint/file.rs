//! A file of tensors and a header: written so that a path holds a whole one, read so that a damaged one is told.

use crate::error::{MarketError, Result};
use bytemuck::Pod;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The first format of every kind of file.
pub(crate) const FORMAT: u32 = 1;
const HASH: &str = "blake3";

#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// Tensors by name, as little-endian bytes.
#[derive(Default)]
pub(crate) struct Tensors<'a>(BTreeMap<String, (Dtype, Cow<'a, [u8]>)>);

impl<'a> Tensors<'a> {
    pub(crate) fn put<T: Pod>(&mut self, name: &str, dtype: Dtype, values: &'a [T]) {
        self.0
            .insert(name.to_owned(), (dtype, Cow::Borrowed(bytemuck::cast_slice(values))));
    }

    pub(crate) fn put_all<T: Pod>(&mut self, name: &str, dtype: Dtype, values: impl Iterator<Item = T>) {
        let values: Vec<_> = values.collect();
        self.0.insert(
            name.to_owned(),
            (dtype, Cow::Owned(bytemuck::cast_slice(&values).to_vec())),
        );
    }

    fn hash(&self, header: &str) -> String {
        let views = self.0.iter().map(|(name, (_, bytes))| (name.as_str(), &**bytes));
        hash(header, views)
    }

    /// Writes the tensors and the header to a file; `kind` is the header's name in it.
    pub(crate) fn save(&self, path: &Path, kind: &str, header: &impl Serialize) -> Result<()> {
        let fault = |source: std::io::Error| MarketError::Io {
            path: path.display().to_string(),
            source,
        };
        let bytes = self.bytes(kind, header).map_err(fault)?;
        let temporary = temporary_name(path);
        let written = write(&bytes, &temporary, path);
        if written.is_err() {
            // the fault that is reported matters more than one in clearing up after it
            let _ = std::fs::remove_file(&temporary);
        }
        written.map_err(fault)
    }

    /// What such a file holds.
    pub(crate) fn bytes(&self, kind: &str, header: &impl Serialize) -> std::io::Result<Vec<u8>> {
        let header = serde_json::to_string(header)?;
        let entries = [(HASH.to_owned(), self.hash(&header)), (kind.to_owned(), header)];
        // every map has an order of its own, by chance, and it would show in the file: the same state, the same bytes
        let mut maps = std::iter::repeat_with(|| HashMap::from(entries.clone()));
        let metadata = maps.find(|map| map.keys().is_sorted());
        let views = self.0.iter().map(|(name, (dtype, bytes))| {
            let length = bytes.len() * 8 / dtype.bitsize();
            TensorView::new(*dtype, vec![length], bytes).map(|view| (name.as_str(), view))
        });
        let views = views
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(std::io::Error::other)?;
        safetensors::serialize(views, metadata).map_err(std::io::Error::other)
    }
}

fn hash<'a>(header: &str, tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header.as_bytes());
    for (name, bytes) in tensors {
        hasher.update(name.as_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    hasher.finalize().to_hex().to_string()
}

/// One name a target, so that what a killed process left is overwritten by the next.
fn temporary_name(path: &Path) -> PathBuf {
    let name = path
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    path.with_file_name(format!(".{name}.tmp"))
}

fn write(bytes: &[u8], temporary: &Path, path: &Path) -> std::io::Result<()> {
    let mut file = File::create(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(temporary, path)?;
    // the rename itself is safe only once the folder is; where a folder cannot be opened it need not be
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    File::open(folder).map_or(Ok(()), |folder| folder.sync_all())
}

/// A file that has been read and found whole.
pub(crate) struct Whole {
    path: String,
    header: String,
    bytes: Vec<u8>,
}

impl Whole {
    /// Reads a file whose header has the name `kind`, of a format up to `newest`.
    pub(crate) fn read(path: &Path, kind: &str, newest: u32) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| MarketError::Io {
            path: name.clone(),
            source,
        })?;
        Self::of(name, bytes, kind, newest)
    }

    /// The same from what a file holds; `name` is what errors call it.
    pub(crate) fn of(name: String, bytes: Vec<u8>, kind: &str, newest: u32) -> Result<Self> {
        let fault = |why: &str| MarketError::Checkpoint {
            path: name.clone(),
            why: why.to_owned(),
        };
        let damaged = || fault("not a whole gruemarket checkpoint (truncated or damaged); use an older copy");
        let (_, info) = SafeTensors::read_metadata(&bytes).map_err(|_| damaged())?;
        let metadata = info.metadata().as_ref().ok_or_else(damaged)?;
        let header = metadata
            .get(kind)
            .ok_or_else(|| fault(&format!("a safetensors file, but not a {kind} checkpoint")))?;
        let version: Version = serde_json::from_str(header).map_err(|_| damaged())?;
        if version.format > newest {
            return Err(fault(&format!(
                "checkpoint format {}, newer than this gruemarket's {newest}; install a newer gruemarket",
                version.format
            )));
        }
        let tensors = SafeTensors::deserialize(&bytes).map_err(|_| damaged())?;
        let views: BTreeMap<_, _> = tensors
            .iter()
            .map(|(name, view)| (name.to_owned(), view.data()))
            .collect();
        let found = hash(header, views.iter().map(|(name, data)| (name.as_str(), *data)));
        if metadata.get(HASH) != Some(&found) {
            return Err(damaged());
        }
        Ok(Self {
            path: name,
            header: header.clone(),
            bytes,
        })
    }

    pub(crate) fn fault(&self, why: &str) -> MarketError {
        MarketError::Checkpoint {
            path: self.path.clone(),
            why: why.to_owned(),
        }
    }

    pub(crate) fn header<H: DeserializeOwned>(&self) -> Result<H> {
        serde_json::from_str(&self.header).map_err(|_| self.fault("a checkpoint with a header of another form"))
    }

    pub(crate) fn tensors(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes).map_err(|_| self.fault("damaged"))
    }

    /// All values of a tensor.
    pub(crate) fn all<T: Pod>(&self, tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<T>> {
        let view = tensors
            .tensor(name)
            .map_err(|_| self.fault(&format!("has no tensor {name}")))?;
        if view.data().len() % size_of::<T>() != 0 {
            return Err(self.fault(&format!("tensor {name} has the wrong type")));
        }
        Ok(view
            .data()
            .chunks_exact(size_of::<T>())
            .map(bytemuck::pod_read_unaligned)
            .collect())
    }
}
