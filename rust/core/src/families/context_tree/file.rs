//! Trees in a file: the arrays of nodes and leaves, column by column.

use super::forest::{Forest, Leaf, Link, Node, Place};
use super::odds::Odds;
use super::{Config, ContextTree};
use crate::checkpoint::{FORMAT, Tensors, Whole};
use crate::error::Result;
use crate::families::Family;
use safetensors::Dtype;
use serde::{Deserialize, Serialize};
use std::path::Path;

const KIND: &str = "gruemarket ContextTree";

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    config: Config,
    frozen: bool,
    past: u64,
    place: usize,
    born: u64,
}

impl ContextTree {
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let forest = &self.forest;
        let header = Header {
            format: FORMAT,
            config: self.config(),
            frozen: self.frozen,
            past: self.past,
            place: self.place,
            born: forest.born,
        };
        let (nodes, leaves) = (&forest.nodes, &forest.leaves);
        let mut tensors = Tensors::default();
        tensors.put_all("roots", Dtype::U32, forest.roots.iter().map(|link| link.0));
        tensors.put_all("nodes.odds", Dtype::F64, nodes.iter().map(|n| n.odds.value));
        tensors.put_all("nodes.exponents", Dtype::I32, nodes.iter().map(|n| n.odds.exponent));
        tensors.put_all("nodes.counts", Dtype::U32, nodes.iter().flat_map(|n| n.counts));
        tensors.put_all(
            "nodes.next",
            Dtype::U32,
            nodes.iter().flat_map(|n| n.next.map(|link| link.0)),
        );
        tensors.put_all("leaves.contexts", Dtype::U64, leaves.iter().map(|l| l.context));
        tensors.put_all("leaves.counts", Dtype::U32, leaves.iter().flat_map(|l| l.counts));
        tensors.save(path, KIND, &header)
    }

    /// The trees that were saved to `path`.
    pub fn load(path: &Path) -> Result<Self> {
        let file = Whole::read(path, KIND, FORMAT)?;
        let header: Header = file.header()?;
        let mut tree = Self::new(header.config)?;
        let (trees, tensors) = (tree.forest.roots.len(), file.tensors()?);
        let pairs = |name: &str| -> Result<Vec<[u32; 2]>> { file.all(&tensors, name) };
        let roots: Vec<u32> = file.all(&tensors, "roots")?;
        let odds = file.all(&tensors, "nodes.odds")?.into_iter();
        let odds = odds.zip(file.all(&tensors, "nodes.exponents")?);
        let nodes = odds.zip(pairs("nodes.counts")?).zip(pairs("nodes.next")?);
        let contexts = file.all(&tensors, "leaves.contexts")?.into_iter();
        tree.forest = Forest {
            roots: roots.into_iter().map(Link).collect(),
            nodes: nodes
                .map(|(((value, exponent), counts), next)| Node {
                    odds: Odds { value, exponent },
                    counts,
                    next: next.map(Link),
                })
                .collect(),
            leaves: contexts
                .zip(pairs("leaves.counts")?)
                .map(|(context, counts)| Leaf { context, counts })
                .collect(),
            born: header.born,
            ..tree.forest
        };
        if !tree.forest.is_sound(trees) || header.place >= trees {
            return Err(file.fault("its trees do not hang together"));
        }
        (tree.past, tree.place) = (header.past, header.place);
        tree.freeze(header.frozen);
        Ok(tree)
    }
}

impl Forest {
    /// Whether so many trees have links that all lead somewhere.
    fn is_sound(&self, trees: usize) -> bool {
        let nodes = self.nodes.iter().flat_map(|node| node.next);
        self.roots.len() == trees
            && self.roots.iter().copied().chain(nodes).all(|link| match link.place() {
                Place::Unborn => true,
                Place::Node(node) => node < self.nodes.len(),
                Place::Leaf(leaf) => leaf < self.leaves.len(),
            })
    }
}
