//! A fixed point of any continuous map by following simplices (Merrill 1972; Todd 1976): between a layer where the map is
//! replaced by the constant one, whose fixed point is known, and a layer with the true map, a path of simplices leads from the
//! one's to the other's. It cannot end before, whatever the map.

use super::equilibrium::Search;
use super::linear;
use crate::error::Result;

/// A vertex: its place on the grid, the layer last, and what a solution there weighs: 1, then how far the map moves it.
#[derive(Clone)]
struct Vertex {
    place: Vec<i32>,
    column: Vec<f64>,
}

/// A simplex of Freudenthal's triangulation: each vertex is the one before, moved along the next axis of `order`.
struct Walk {
    vertices: Vec<Vertex>,
    order: Vec<usize>,
    from: Vec<f64>,
    mesh: f64,
}

/// An approximate fixed point of [`Search::push`] on a grid of this mesh, as prices; None where the search's budget ends first or
/// a simplex is flat.
pub(super) fn search(search: &mut Search<'_>, from: &[f64], mesh: f64) -> Result<Option<Vec<f64>>> {
    let free = search.domain.dimension(from.len());
    let mut walk = Walk {
        vertices: Vec::new(),
        order: (0..=free).collect(),
        from: from[..free].to_vec(),
        mesh,
    };
    let mut place = vec![0; free + 1];
    for axis in 0..=free {
        let vertex = walk.vertex(search, place.clone())?;
        walk.vertices.push(vertex);
        place[axis] = 1;
    }
    let last = walk.vertex(search, place)?;
    walk.vertices.push(last);
    let mut entering = free + 1;
    while !search.spent() {
        let Some(leaving) = walk.leaving(entering) else {
            return Ok(None);
        };
        if walk.arrived(leaving) {
            return Ok(walk.solution(leaving).map(|point| search.domain.complete(&point)));
        }
        let Some(next) = walk.replace(search, leaving)? else {
            return Ok(None);
        };
        entering = next;
    }
    Ok(None)
}

impl Walk {
    /// The start lies in the middle of the first simplex.
    fn point(&self, place: &[i32]) -> Vec<f64> {
        let n = self.from.len();
        let middle = |j: usize| (n - j) as f64 / (n + 1) as f64;
        let along = self.from.iter().zip(place).enumerate();
        along
            .map(|(j, (x, &p))| x + self.mesh * (f64::from(p) - middle(j)))
            .collect()
    }

    fn vertex(&self, search: &mut Search<'_>, place: Vec<i32>) -> Result<Vertex> {
        let n = self.from.len();
        let point = self.point(&place);
        let to = if place[n] == 0 {
            self.from.clone()
        } else {
            search.push(&search.domain.complete(&point))?
        };
        let column = std::iter::once(1.0)
            .chain(to.iter().zip(&point).map(|(y, x)| y - x))
            .collect();
        Ok(Vertex { place, column })
    }

    /// Solves `sum_j weight_j column_j = right` over all vertices but one.
    fn weights(&self, without: usize, right: &[f64]) -> Option<Vec<f64>> {
        let n = right.len();
        let mut matrix = vec![0.0; n * n];
        let others = self.vertices.iter().enumerate().filter(|(j, _)| *j != without);
        for (b, (_, vertex)) in others.enumerate() {
            (0..n).for_each(|a| matrix[a * n + b] = vertex.column[a]);
        }
        let mut weights = right.to_vec();
        linear::solve_any(&mut matrix, &mut weights).then_some(weights)
    }

    /// The weights of a solution: 1 in all, no movement.
    fn balanced(&self, without: usize) -> Option<Vec<f64>> {
        let mut right = vec![0.0; self.order.len()];
        right[0] = 1.0;
        self.weights(without, &right)
    }

    /// The vertex whose weight falls to 0 first as the entering one's rises.
    fn leaving(&self, entering: usize) -> Option<usize> {
        let held = self.balanced(entering)?;
        let rates = self.weights(entering, &self.vertices[entering].column)?;
        let pairs = held
            .iter()
            .zip(&rates)
            .enumerate()
            .filter(|(_, (_, rate))| **rate > 1e-12);
        let ratios = pairs.map(|(j, (weight, rate))| (j, weight / rate));
        let (j, _) = ratios.min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(if j < entering { j } else { j + 1 })
    }

    /// Whether all other vertices lie in the layer of the true map.
    fn arrived(&self, leaving: usize) -> bool {
        let n = self.from.len();
        self.vertices
            .iter()
            .enumerate()
            .all(|(j, vertex)| j == leaving || vertex.place[n] == 1)
    }

    fn solution(&self, without: usize) -> Option<Vec<f64>> {
        let weights = self.balanced(without)?;
        let mut point = vec![0.0; self.from.len()];
        let others = self.vertices.iter().enumerate().filter(|(j, _)| *j != without);
        for ((_, vertex), weight) in others.zip(weights) {
            point
                .iter_mut()
                .zip(self.point(&vertex.place))
                .for_each(|(sum, x)| *sum += weight * x);
        }
        Some(point)
    }

    /// Puts the vertex on the other side of the facet in place of one; returns where it now stands, None where it would leave
    /// the layers.
    fn replace(&mut self, search: &mut Search<'_>, i: usize) -> Result<Option<usize>> {
        let last = self.vertices.len() - 1;
        let (at, from, axis, by) = if i == 0 {
            self.order.rotate_left(1);
            self.vertices.rotate_left(1);
            (last, last - 1, self.order[last - 1], 1)
        } else if i == last {
            self.order.rotate_right(1);
            self.vertices.rotate_right(1);
            (0, 1, self.order[0], -1)
        } else {
            self.order.swap(i - 1, i);
            (i, i - 1, self.order[i - 1], 1)
        };
        let mut place = self.vertices[from].place.clone();
        place[axis] += by;
        if !(0..=1).contains(&place[self.from.len()]) {
            return Ok(None);
        }
        self.vertices[at] = self.vertex(search, place)?;
        Ok(Some(at))
    }
}
