//! A text family in a file.

use super::Text;
use super::config::Config;
use super::context::Context;
use crate::checkpoint::{FORMAT, Tensors, Whole};
use crate::error::Result;
use bytemuck::Pod;
use safetensors::Dtype;
use serde::{Deserialize, Serialize};
use std::path::Path;

const KIND: &str = "gruemarket Text";

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    config: Config,
    context: Context,
    random: [u32; 8],
    read: u64,
    frozen: bool,
}

impl Text {
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let header = Header {
            format: FORMAT,
            config: self.config.clone(),
            context: self.context.clone(),
            random: self.random,
            read: self.history.read,
            frozen: self.frozen,
        };
        let mut tensors = Tensors::default();
        tensors.put("table", Dtype::U32, self.table.words());
        tensors.put("history", Dtype::U8, &self.history.ring);
        tensors.put("places", Dtype::U32, &self.history.places);
        tensors.put("hits", Dtype::F32, &self.shared.confidence.hits);
        let books = self.shared.layer.books.iter().flatten().flatten().copied();
        tensors.put_all("books", Dtype::F32, books);
        tensors.save(path, KIND, &header)
    }

    /// The family that was saved to `path`.
    pub fn load(path: &Path) -> Result<Self> {
        let file = Whole::read(path, KIND, FORMAT)?;
        let header: Header = file.header()?;
        let tensors = file.tensors()?;
        let mut text = Self::new(header.config)?;
        fill(text.table.words_mut(), &file.all(&tensors, "table")?, &file)?;
        fill(&mut text.history.ring, &file.all(&tensors, "history")?, &file)?;
        fill(&mut text.history.places, &file.all(&tensors, "places")?, &file)?;
        fill(&mut text.shared.confidence.hits, &file.all(&tensors, "hits")?, &file)?;
        let books: Vec<f32> = file.all(&tensors, "books")?;
        let lanes = text.shared.layer.books.iter_mut().flatten().flatten();
        lanes.zip(books).for_each(|(lane, value)| *lane = value);
        text.context = header.context;
        text.random = header.random;
        text.history.read = header.read;
        text.frozen = header.frozen;
        Ok(text)
    }
}

fn fill<T: Pod>(target: &mut [T], values: &[T], file: &Whole) -> Result<()> {
    if target.len() != values.len() {
        return Err(file.fault("its tensors do not fit its settings"));
    }
    target.copy_from_slice(values);
    Ok(())
}
