// SPDX-License-Identifier: Apache-2.0
//! The graph as it grows: maps, layers, and where each element of a tensor lies.

use crate::graph::{Codes, Finish, Layer, Map, MapId, Op};
use crate::host::HostOp;
use crate::onnx::element::ElementType;
use crate::onnx::fuse::layout::natural;
use crate::onnx::fuse::value::Eight;
use std::collections::HashSet;
use std::rc::Rc;

/// An input of the graph.
pub struct Source {
    pub name: String,
    pub shape: Vec<usize>,
    pub element: ElementType,
    pub codes: Option<Codes>,
    /// What the host computes of it before it is quantised, and the shape of that.
    pub host: Vec<HostOp>,
    pub inner: Vec<usize>,
}

/// The graph as it grows.
#[derive(Default)]
pub struct Building {
    pub maps: Vec<Map>,
    /// Of each map: the place of each element in the tensor it was made as. Empty for an input whose layout
    /// nothing has asked for yet.
    pub order: Vec<Rc<Vec<u32>>>,
    pub layers: Vec<Layer>,
    /// The graph's inputs, in its order. One alone is map 0; of several map 0 is the frame, and each the map of a layer that takes
    /// it out.
    pub inputs: Vec<Source>,
    pub opset: i64,
    /// The first of the operators behind the input that ask for a layout slides a window over it as it is.
    pub convolves: bool,
    /// Initialisers are listed as inputs too: no constants to ONNX Runtime, for a run may give others.
    pub overridable: bool,
    /// Names that something behind reads which the host does not compute.
    pub middle: HashSet<String>,
}

impl Building {
    /// Adds a layer; gives the tensor of its output, whose elements lie by `order` in the map.
    #[allow(clippy::too_many_arguments)]
    pub fn push(
        &mut self,
        name: &str,
        op: Op,
        finish: Finish,
        shape: Vec<usize>,
        map: [usize; 3],
        order: Vec<u32>,
        unsigned: bool,
    ) -> Eight {
        self.layers.push(Layer { name: name.to_string(), op, finish });
        self.maps.push(Map { name: name.to_string(), shape: map });
        self.order.push(Rc::new(order));
        let place = Rc::new((0..map.iter().product::<usize>() as u32).collect());
        Eight { map: self.maps.len() - 1, shape, place, unsigned, steps: 0 }
    }

    /// The map of `tensor` seen as `want`: `order[e]` is the place in the tensor of element e of a map of
    /// that shape. The input takes the first layout it is asked for.
    pub fn view(&mut self, tensor: &Eight, want: [usize; 3], order: &[u32]) -> Option<MapId> {
        let fits = order.len() == tensor.place.len();
        if !fits {
            return None;
        }
        if self.is_open(tensor) {
            self.order[tensor.map] = Rc::new(order.iter().map(|&t| tensor.place[t as usize]).collect());
            self.maps[tensor.map].shape = want;
            return Some(tensor.map);
        }
        let have = &self.order[tensor.map];
        let same =
            self.maps[tensor.map].shape == want && order.iter().zip(have.iter()).all(|(&t, &b)| tensor.place[t as usize] == b);
        same.then_some(tensor.map)
    }

    /// The tensor in a map as `want`: where its elements lie in another order, copied into this one.
    pub fn arranged(&mut self, name: &str, tensor: &Eight, want: [usize; 3], order: &[u32]) -> Eight {
        match self.view(tensor, want, order) {
            Some(_) => tensor.clone(),
            None => self.gathered(name, tensor, order, tensor.shape.clone(), want, order.to_vec()),
        }
    }

    /// A tensor of `shape`, lying in a map by `order`, each of whose map's elements is an element of another tensor: `from`.
    pub fn gathered(
        &mut self,
        name: &str,
        tensor: &Eight,
        from: &[u32],
        shape: Vec<usize>,
        map: [usize; 3],
        order: Vec<u32>,
    ) -> Eight {
        self.settle(tensor);
        // Of each element of the tensor that the map was made as: where it is in the map.
        let mut at = vec![0u32; tensor.place.len()];
        self.order[tensor.map].iter().enumerate().for_each(|(element, &base)| at[base as usize] = element as u32);
        let from = from.iter().map(|&t| at[tensor.place[t as usize] as usize]).collect();
        let op = Op::Arrange { input: tensor.map, from };
        let finish = Finish::Codes { lo: -128, hi: 127 };
        self.push(&format!("{name} (order of elements)"), op, finish, shape, map, order, tensor.unsigned)
    }

    /// Whether a tensor is an input that nothing has asked for a layout.
    pub fn is_open(&self, tensor: &Eight) -> bool {
        self.order[tensor.map].is_empty()
    }

    /// The input that a tensor is.
    pub fn source(&mut self, tensor: &Eight) -> &mut Source {
        let at = if self.inputs.len() == 1 { 0 } else { tensor.map - 1 };
        &mut self.inputs[at]
    }

    /// Gives the input a layout if nothing has yet: images by rows and columns, the rest as a matrix.
    pub fn settle(&mut self, tensor: &Eight) {
        if self.is_open(tensor) {
            let (map, order) = natural(&tensor.shape, self.convolves);
            self.view(tensor, map, &order);
        }
    }

    /// Place in the tensor of each element of its map.
    pub fn places(&mut self, tensor: &Eight) -> Vec<u32> {
        self.settle(tensor);
        let mut inverse = vec![0u32; tensor.place.len()];
        for (t, &base) in tensor.place.iter().enumerate() {
            inverse[base as usize] = t as u32;
        }
        self.order[tensor.map].iter().map(|&base| inverse[base as usize]).collect()
    }
}
