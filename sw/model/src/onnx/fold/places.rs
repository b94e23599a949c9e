// SPDX-License-Identifier: Apache-2.0
//! Where elements of a tensor come from, behind operators that only pick and order them.

use crate::onnx::array::LARGEST_MAP;
use crate::onnx::fold::known::{Given, constant};
use crate::onnx::fold::parts::{self, Part};
use crate::onnx::fold::plan::plan;
use crate::onnx::fold::scales::axis_of;
use crate::onnx::parse::node::Node;

/// A tensor whose elements are elements of another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Places {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Of each element, row-major, its place there.
    pub of: Vec<usize>,
}

impl Places {
    /// All elements of a tensor, in order.
    pub fn whole(shape: &[usize]) -> Places {
        Places { shape: shape.to_vec(), of: (0..shape.iter().product()).collect() }
    }

    /// Whether they are all elements of a tensor of `count`, in order.
    pub fn is_whole(&self, count: usize) -> bool {
        self.of.len() == count && self.of.iter().enumerate().all(|(n, &at)| n == at)
    }

    /// What lies at `indices` of a dimension; `dims` stand in the shape in place of that. `None`: more than any configuration holds.
    fn part(&self, axis: usize, indices: &[usize], dims: &[usize]) -> Option<Places> {
        let inner: usize = self.shape[axis + 1..].iter().product();
        let outer: usize = self.shape[..axis].iter().product();
        let count = outer.checked_mul(inner).and_then(|n| n.checked_mul(indices.len()));
        count.filter(|&n| n <= LARGEST_MAP)?;
        let at = |o: usize, i: usize, n: usize| self.of[(o * self.shape[axis] + i) * inner + n];
        let row = |o: usize| indices.iter().flat_map(move |&i| (0..inner).map(move |n| at(o, i, n)));
        Some(Places {
            shape: [&self.shape[..axis], dims, &self.shape[axis + 1..]].concat(),
            of: (0..outer).flat_map(row).collect(),
        })
    }

    fn parts(&self, all: &[Part]) -> Option<Places> {
        all.iter().try_fold(self.clone(), |x, (axis, indices)| x.part(*axis, indices, &[indices.len()]))
    }

    /// What a node makes of them, output by output; `None`: it is none that picks and orders.
    pub fn through(&self, node: &Node, given: &(impl Given + ?Sized)) -> Option<Vec<Places>> {
        let one = |places: Places| Some(vec![places]);
        match node.op() {
            "Identity" => one(self.clone()),
            "Cast" if matches!(node.int("to", 0), 6 | 7) => one(self.clone()),
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" => {
                let (shape, order) = plan(node, node.op(), given, &self.shape).ok()?;
                let of = order.map_or_else(|| self.of.clone(), |o| o.iter().map(|&at| self.of[at as usize]).collect());
                one(Places { shape, of })
            }
            "Gather" => {
                let axis = axis_of(node.int("axis", 0), self.shape.len()).ok()?;
                let picked = constant(given, 1).ok()??;
                let size = self.shape[axis];
                let row = |&i: &i64| crate::tables::row_number(i, size);
                let indices = picked.integers()?.iter().map(row).collect::<Option<Vec<usize>>>()?;
                one(self.part(axis, &indices, &picked.shape)?)
            }
            "Slice" => one(self.parts(&parts::slice(node, given, &self.shape).ok()?)?),
            "Split" => {
                let all = parts::split(node, given, &self.shape).ok()?;
                all.iter().map(|part| self.parts(std::slice::from_ref(part))).collect()
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::array::{Array, Data};
    use crate::onnx::fold::known::Known;
    use crate::onnx::fold::places::Places;
    use crate::onnx::parse::node::Node;
    use crate::onnx::proto::NodeProto;
    use std::rc::Rc;

    fn gather(shape: &[usize], indices: Vec<i64>) -> Option<Vec<Places>> {
        let node = Node::new(NodeProto { op_type: "Gather".into(), ..Default::default() });
        let indices = Array { shape: vec![indices.len()], data: Data::I64(indices) };
        Places::whole(shape).through(&node, &[None, Some(Known::Array(Rc::new(indices)))][..])
    }

    #[test]
    fn rows_are_picked_from_either_end_and_no_more_than_a_map_can_hold() {
        let picked = gather(&[3, 2], vec![-1, 0]).expect("two rows");
        assert_eq!(picked, [Places { shape: vec![2, 2], of: vec![4, 5, 0, 1] }]);
        assert!(gather(&[3, 2], vec![3]).is_none() && gather(&[3, 2], vec![-4]).is_none());
        assert!(gather(&[1, 1 << 12], vec![0; 1 << 10]).is_some());
        assert!(gather(&[1, 1 << 12], vec![0; (1 << 10) + 1]).is_none());
    }
}
