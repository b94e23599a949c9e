// SPDX-License-Identifier: Apache-2.0
//! What stands for the result of a node that cannot run, so that the nodes behind it are judged by themselves: codes of the same shape,
//! and for float32 the values of such codes, as if they had been quantised.

use crate::graph::{Finish, Op};
use crate::onnx::array::{Array, Data, LARGEST_MAP, elements};
use crate::onnx::element::ElementType;
use crate::onnx::fuse::layout::natural;
use crate::onnx::fuse::operands::codes_as_values;
use crate::onnx::fuse::value::{Real, Value};
use crate::onnx::lower::building::Building;
use std::rc::Rc;

/// A stand-in of this shape and element type, float32 where it is not known; of a scalar a constant. Unknown where the shape is, or
/// nothing of that type lies in a map.
pub fn stand_in(g: &mut Building, name: &str, shape: Option<&[usize]>, element: Option<ElementType>) -> Value {
    let Some(shape) = shape else { return Value::Unknown };
    let element = element.unwrap_or(ElementType::Float32);
    if shape.is_empty() {
        let data = match element {
            ElementType::Float32 => Data::F32(vec![1.0]),
            ElementType::Int8 => Data::I8(vec![0]),
            ElementType::Uint8 => Data::U8(vec![0]),
            ElementType::Int32 => Data::I32(vec![0]),
            ElementType::Int64 => Data::I64(vec![0]),
        };
        return Value::Const(Rc::new(Array { shape: vec![], data }));
    }
    let Some(count) = elements(shape).filter(|&n| n > 0 && n <= LARGEST_MAP) else { return Value::Unknown };
    if element == ElementType::Int64 {
        return Value::Unknown;
    }
    let (map, order) = natural(shape, g.convolves);
    let (op, finish) = (Op::Constant { codes: vec![0; count] }, Finish::Codes { lo: -128, hi: 127 });
    let eight = g.push(name, op, finish, shape.to_vec(), map, order, element == ElementType::Uint8);
    match element {
        ElementType::Float32 => Value::Real(Real::Table(codes_as_values(&eight))),
        ElementType::Int32 => Value::Sums(eight),
        _ => Value::Eight(eight),
    }
}
