//! Which prices must be found together: the strongly connected components of "depends on" (Tarjan 1972).

/// The components of a graph, what a component reads before it; nodes ascending within each.
pub fn components(reads: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut walk = Walk {
        reads,
        order: vec![usize::MAX; reads.len()],
        low: vec![0; reads.len()],
        open: Vec::new(),
        is_open: vec![false; reads.len()],
        next: 0,
        found: Vec::new(),
    };
    for node in 0..reads.len() {
        if walk.order[node] == usize::MAX {
            walk.from(node);
        }
    }
    walk.found
}

struct Walk<'a> {
    reads: &'a [Vec<usize>],
    /// When each node was first seen.
    order: Vec<usize>,
    /// The earliest open node that each reaches.
    low: Vec<usize>,
    open: Vec<usize>,
    is_open: Vec<bool>,
    next: usize,
    found: Vec<Vec<usize>>,
}

impl Walk<'_> {
    /// All that `root` reaches. A stack of its own: chains of sentences are long.
    fn from(&mut self, root: usize) {
        let mut path = vec![(root, 0)];
        self.see(root);
        while let Some(&mut (node, ref mut at)) = path.last_mut() {
            let Some(&read) = self.reads[node].get(*at) else {
                path.pop();
                if let Some(&(above, _)) = path.last() {
                    self.low[above] = self.low[above].min(self.low[node]);
                }
                self.close(node);
                continue;
            };
            *at += 1;
            if self.order[read] == usize::MAX {
                self.see(read);
                path.push((read, 0));
            } else if self.is_open[read] {
                self.low[node] = self.low[node].min(self.order[read]);
            }
        }
    }

    fn see(&mut self, node: usize) {
        self.order[node] = self.next;
        self.low[node] = self.next;
        self.next += 1;
        self.open.push(node);
        self.is_open[node] = true;
    }

    /// If nothing earlier is reached, what is open from here on is a component.
    fn close(&mut self, node: usize) {
        if self.low[node] != self.order[node] {
            return;
        }
        let mut component = Vec::new();
        while let Some(member) = self.open.pop() {
            self.is_open[member] = false;
            component.push(member);
            if member == node {
                break;
            }
        }
        component.sort_unstable();
        self.found.push(component);
    }
}
