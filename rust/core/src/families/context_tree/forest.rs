//! Where the nodes live: binary trees over contexts, a path that has seen only one context kept as one leaf.

use super::odds::Odds;

/// The longest context, in bits: it fits one word.
pub const DEEPEST: usize = 64;

/// How often each outcome followed a context.
pub type Counts = [u32; 2];

#[inline(always)]
pub fn visits(counts: Counts) -> u64 {
    u64::from(counts[0]) + u64::from(counts[1])
}

/// A context that has been seen with more than one bit before it.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub odds: Odds,
    pub counts: Counts,
    /// The contexts that are longer by a 0 and by a 1.
    pub next: [Link; 2],
}

/// Contexts that so far were seen only within one context of full depth: from here down every node has the same counts,
/// so it forecasts the same as its subtree, and its odds are still those it started with.
#[derive(Clone, Copy, Debug)]
pub struct Leaf {
    pub context: u64,
    pub counts: Counts,
}

/// What stands at the end of a link; leaves are told by the top bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link(pub u32);

const LEAF: u32 = 1 << 31;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Unborn,
    Node(usize),
    Leaf(usize),
}

impl Link {
    pub const UNBORN: Self = Self(LEAF - 1);

    #[inline(always)]
    pub fn place(self) -> Place {
        match self {
            Self::UNBORN => Place::Unborn,
            Self(link) if link & LEAF == 0 => Place::Node(link as usize),
            Self(link) => Place::Leaf((link ^ LEAF) as usize),
        }
    }
}

/// Where a context's path through the born nodes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At a context that was never seen.
    Unborn,
    /// At a leaf that shares this many bits with the context.
    Leaf { leaf: usize, shared: usize },
}

/// Trees of one depth, in two arrays that grow to a limit.
#[derive(Clone, Debug)]
pub struct Forest {
    pub depth: usize,
    /// The most bytes that nodes and leaves may take.
    pub limit: usize,
    pub roots: Vec<Link>,
    pub nodes: Vec<Node>,
    pub leaves: Vec<Leaf>,
    /// How many contexts of any length were seen: those that a leaf stands for, too.
    pub born: u64,
}

#[inline(always)]
pub fn bit(context: u64, depth: usize) -> usize {
    (context >> depth) as usize & 1
}

impl Forest {
    pub fn new(depth: usize, trees: usize, limit: usize) -> Self {
        Self {
            depth,
            limit,
            roots: vec![Link::UNBORN; trees],
            nodes: Vec::new(),
            leaves: Vec::new(),
            born: 0,
        }
    }

    /// The bytes of so many nodes and leaves.
    pub fn bytes_of(nodes: usize, leaves: usize) -> usize {
        nodes * size_of::<Node>() + leaves * size_of::<Leaf>()
    }

    pub fn bytes(&self) -> usize {
        Self::bytes_of(self.nodes.len(), self.leaves.len())
    }

    /// Whether there is room for whatever one outcome may add; once there is none, there never is again.
    pub fn has_room(&self) -> bool {
        let (nodes, leaves) = (self.nodes.len() + self.depth, self.leaves.len() + 1);
        Self::bytes_of(nodes, leaves) <= self.limit && nodes.max(leaves) < Link::UNBORN.0 as usize
    }

    /// How often a tree has been asked.
    pub fn visits(&self, tree: usize) -> u64 {
        let counts = match self.roots[tree].place() {
            Place::Unborn => [0; 2],
            Place::Node(node) => self.nodes[node].counts,
            Place::Leaf(leaf) => self.leaves[leaf].counts,
        };
        visits(counts)
    }

    /// Walks down `tree` along the context; writes the nodes it meets, returns how many and what comes after them.
    pub fn descend(&self, tree: usize, context: u64, path: &mut [u32; DEEPEST]) -> (usize, End) {
        let mut link = self.roots[tree];
        for (d, met) in path.iter_mut().enumerate().take(self.depth) {
            let Place::Node(node) = link.place() else {
                return (d, self.end(link, context));
            };
            *met = node as u32;
            link = self.nodes[node].next[bit(context, d)];
        }
        (self.depth, self.end(link, context))
    }

    fn end(&self, link: Link, context: u64) -> End {
        match link.place() {
            Place::Leaf(leaf) => {
                let shared = (self.leaves[leaf].context ^ context).trailing_zeros() as usize;
                let shared = shared.min(self.depth);
                End::Leaf { leaf, shared }
            }
            _ => End::Unborn,
        }
    }

    fn link(&mut self, tree: usize, above: Option<u32>, context: u64, depth: usize) -> &mut Link {
        match above {
            None => &mut self.roots[tree],
            Some(node) => &mut self.nodes[node as usize].next[bit(context, depth - 1)],
        }
    }

    fn add_leaf(&mut self, context: u64, outcome: usize, depth: usize) -> Link {
        let mut counts = [0; 2];
        counts[outcome] = 1;
        grow(&mut self.leaves, Self::bytes_of(0, 1), self.limit);
        self.leaves.push(Leaf { context, counts });
        self.born += (self.depth - depth + 1) as u64;
        Link((self.leaves.len() - 1) as u32 | LEAF)
    }

    /// Gives birth to the context's nodes from `depth` on, below the node `above`, where nobody was yet.
    pub fn sprout(&mut self, tree: usize, above: Option<u32>, context: u64, depth: usize, outcome: usize) {
        let leaf = self.add_leaf(context, outcome, depth);
        *self.link(tree, above, context, depth) = leaf;
    }

    /// Splits a leaf at `depth`, below the node `above`, into `grown` nodes for what it shares with the context, their odds
    /// given, and two leaves.
    pub fn split(
        &mut self,
        tree: usize,
        above: Option<u32>,
        context: u64,
        depth: usize,
        outcome: usize,
        grown: impl ExactSizeIterator<Item = Odds>,
    ) {
        let (first, count) = (self.nodes.len(), grown.len());
        let old = *self.link(tree, above, context, depth);
        let Place::Leaf(leaf) = old.place() else { return };
        let mut counts = self.leaves[leaf].counts;
        counts[outcome] += 1;
        for (i, odds) in grown.enumerate() {
            let mut next = [Link::UNBORN; 2];
            next[bit(context, depth + i)] = Link((first + i + 1) as u32);
            grow(&mut self.nodes, Self::bytes_of(1, 0), self.limit);
            self.nodes.push(Node { odds, counts, next });
        }
        *self.link(tree, above, context, depth) = Link(first as u32);
        let lowest = depth + count - 1;
        let new = self.add_leaf(context, outcome, lowest + 1);
        let next = &mut self.nodes[first + count - 1].next;
        let side = bit(context, lowest);
        (next[side], next[1 - side]) = (new, old);
    }
}

/// Makes room for one more, twice as much as before if the limit allows.
fn grow<T>(values: &mut Vec<T>, bytes: usize, limit: usize) {
    if values.len() == values.capacity() {
        let most = limit / bytes;
        values.reserve_exact(values.len().max(64).min(most.saturating_sub(values.len())).max(1));
    }
}
