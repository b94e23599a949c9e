// SPDX-License-Identifier: Apache-2.0
//! MatMul, Gemm, QLinearMatMul, MatMulInteger, com.microsoft's QGemm, by a constant; MatMul and QLinearMatMul of two activations.

use crate::graph::Window;
use crate::onnx::error::{Fail, unsupported, wrong};
use crate::onnx::fold::scales::{scale, zero_point};
use crate::onnx::fold::windows::bounded;
use crate::onnx::fuse::bias::Bias;
use crate::onnx::fuse::group::Fuse;
use crate::onnx::fuse::operands::{any, eight, table, table_of_codes};
use crate::onnx::fuse::value::{Conv, Eight, Inputs, Pending, PendingKind, Real, Value};
use crate::onnx::fuse::weights::{Channels, Weights, bias, weights};
use crate::onnx::lower::activations;
use crate::onnx::lower::building::Building;
use crate::onnx::lower::products::{combined, narrow, pending, product};
use crate::onnx::lower::requantise::{quantize_integers, sums};
use crate::onnx::parse::node::Node;
use std::rc::Rc;

/// MatMul between DequantizeLinear and QuantizeLinear.
pub fn float(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let constant = |v: &Value| matches!(v, Value::Const(_) | Value::Real(Real::Const(_)));
    if !constant(any(inputs, 0)?) && !constant(any(inputs, 1)?) {
        let (a, b) = (table(inputs, 0, "the first operand")?, table(inputs, 1, "the second operand")?);
        return Ok(Value::Real(Real::Pending(Rc::new(activations::product(g, node, &a, &b)?))));
    }
    let last = |rank: usize| rank.saturating_sub(1);
    product(g, node, inputs, last, |g, x, zero_point, x_scale, w, _| matmul(g, node, x, zero_point, x_scale, w))
}

/// Gemm between DequantizeLinear and QuantizeLinear.
pub fn float_gemm(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let transposed = node.int("transB", 0) != 0;
    let outputs = |rank: usize| if transposed { 0 } else { rank.saturating_sub(1) };
    product(g, node, inputs, outputs, |g, x, zero_point, x_scale, w, bias| gemm(g, node, x, zero_point, x_scale, w, bias))
}

/// QLinearMatMul.
pub fn qlinear(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    if matches!(inputs.get(3), Some(Some(Value::Eight(_)))) {
        let (a, b) = (table_of_codes(inputs, 0)?, table_of_codes(inputs, 3)?);
        let product = activations::product(g, node, &a, &b)?;
        return quantize_integers(g, node, product, scale(inputs, 6)?, &zero_point(inputs, 7)?);
    }
    let (a, zero) = (eight(inputs, 0, "A")?, zero_point(inputs, 2)?);
    let b = weights(inputs, 3, Some(4), 5, Channels::Last)?;
    let pending = matmul(g, node, &a, zero.code_of(a.unsigned)?, scale(inputs, 1)?, &b)?;
    quantize_integers(g, node, pending, scale(inputs, 6)?, &zero_point(inputs, 7)?)
}

/// MatMulInteger.
pub fn integer(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let (a, zero) = (eight(inputs, 0, "A")?, zero_point(inputs, 2)?);
    let b = weights(inputs, 1, None, 3, Channels::Last)?;
    let pending = matmul(g, node, &a, zero.code_of(a.unsigned)?, 1.0, &b)?;
    sums(g, node, &pending)
}

/// com.microsoft.QGemm.
pub fn qgemm(g: &mut Building, node: &Node, inputs: Inputs) -> Result<Value, Fail> {
    let a = eight(inputs, 0, "A")?;
    let zero = zero_point(inputs, 2)?.code_of(a.unsigned)?;
    let channels = if node.int("transB", 0) != 0 { Channels::First } else { Channels::Last };
    let mut b = weights(inputs, 3, Some(4), 5, channels)?;
    let bias = bias(inputs, 6)?;
    let pending = gemm(g, node, &a, zero, scale(inputs, 1)?, &mut b, bias)?;
    if inputs.get(7).is_none_or(Option::is_none) {
        return unsupported("a float32 result", "give it y_scale and y_zero_point");
    }
    quantize_integers(g, node, pending, scale(inputs, 7)?, &zero_point(inputs, 8)?)
}

/// A matrix product with constant right side, perhaps one for each batch.
fn matmul(g: &mut Building, node: &Node, a: &Eight, zero_point: i8, x_scale: f32, b: &Weights) -> Result<Pending, Fail> {
    let (Some(&k), &[ref lead @ .., bk, n]) = (a.shape.last(), b.shape.as_slice()) else {
        return unsupported(
            format!("a product of shapes {:?} and {:?}", a.shape, b.shape),
            "give the right side two dimensions or more",
        );
    };
    if k != bk || k == 0 || n == 0 {
        return wrong(format!("a product of shapes {:?} and {:?}: {k} columns, {bk} rows", a.shape, b.shape));
    }
    let batches: usize = lead.iter().product();
    let rows_shape = &a.shape[..a.shape.len() - 1];
    let rows: usize = rows_shape.iter().product();
    bounded(&[batches, rows, n])?;
    let mut window = Window::POINT;
    let (input, groups, weights, outputs, shape, map, order);
    let a_lead = rows_shape.split_last().map_or(&[][..], |(_, lead)| lead);
    if batches == 1 {
        let ones = lead.len().saturating_sub(a_lead.len());
        shape = std::iter::repeat_n(1, ones).chain(rows_shape.iter().copied()).chain([n]).collect::<Vec<_>>();
        let flat: Vec<u32> = (0..(rows * k) as u32).collect();
        (groups, outputs, map, order) = (1, n, [rows, 1, n], (0..(rows * n) as u32).collect::<Vec<_>>());
        if let Some(id) = g.view(a, [rows, 1, k], &flat) {
            (input, weights) = (id, b.ints.clone());
        } else if rows == 1 {
            // One row of a map in another order: a window over the whole map, its weights in the map's order.
            let places = g.places(a);
            let [h, w, _] = g.maps[a.map].shape;
            window.kernel = [h, w];
            input = a.map;
            weights = places.iter().flat_map(|&place| &b.ints[place as usize * n..][..n]).copied().collect();
        } else {
            (input, weights) = (g.arranged(&node.name, a, [rows, 1, k], &flat).map, b.ints.clone());
        }
    } else {
        let m = a.shape.get(a.shape.len().wrapping_sub(2)).copied().unwrap_or(1);
        let shared = a_lead.iter().all(|&d| d == 1);
        if !shared && a_lead != lead || a_lead.len() > lead.len() {
            return unsupported(format!("batches of shapes {:?} and {:?}", a.shape, b.shape), "give both sides the same batches");
        }
        let one_row = (!rows_shape.is_empty()).then_some(m);
        shape = lead.iter().copied().chain(one_row).chain([n]).collect::<Vec<_>>();
        let place = |row: usize, column: usize, width: usize| (((column / width) * m + row) * width + column % width) as u32;
        outputs = batches * n;
        map = [m, 1, outputs];
        order = (0..m * outputs).map(|e| place(e / outputs, e % outputs, n)).collect::<Vec<_>>();
        // [batch][k][n] to [k][batch n].
        weights = (0..k * outputs).map(|e| b.ints[((e % outputs) / n * k + e / outputs) * n + e % n]).collect();
        let (width, layout): (usize, Vec<u32>) = if shared {
            (k, (0..(m * k) as u32).collect())
        } else {
            let width = batches * k;
            (width, (0..m * width).map(|e| place(e / width, e % width, k)).collect())
        };
        groups = if shared { 1 } else { batches };
        input = g.arranged(&node.name, a, [m, 1, width], &layout).map;
    }
    if b.scales.len() > 1 && batches > 1 {
        return unsupported("scales for each channel of batched weights", "quantise them per tensor");
    }
    let kind = PendingKind::Conv(Conv {
        input,
        zero_point,
        window,
        groups,
        weights: Rc::new(narrow(weights.into_iter())?),
        bias: Rc::new(vec![0; outputs]),
        scales: Rc::new(combined(x_scale, &b.scales, outputs)?),
        float: None,
        bare_matmul: true,
        transposed: false,
        edge: false,
    });
    Ok(pending(kind, shape, map, order, Fuse::product(a.unsigned, b.element, None)))
}

/// Gemm and QGemm: a matrix product with bias.
fn gemm(
    g: &mut Building,
    node: &Node,
    a: &Eight,
    zero_point: i8,
    x_scale: f32,
    b: &mut Weights,
    bias: Option<Bias>,
) -> Result<Pending, Fail> {
    if node.int("transA", 0) != 0 {
        return unsupported("transA", "transpose the activation where it is made");
    }
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    if alpha == 0.0 || !alpha.is_finite() || !beta.is_finite() {
        return unsupported(format!("alpha {alpha} and beta {beta}"), "fold them into the weight scales and the bias");
    }
    if let ([n, k], true) = (b.shape.as_slice(), node.int("transB", 0) != 0) {
        let (n, k) = (*n, *k);
        b.ints = (0..k * n).map(|e| b.ints[e % n * k + e / n]).collect();
        b.shape = vec![k, n];
    }
    if b.shape.len() != 2 || a.shape.len() != 2 {
        return wrong(format!("shapes {:?} and {:?}: Gemm multiplies matrices", a.shape, b.shape));
    }
    let mut sums = matmul(g, node, a, zero_point, x_scale * alpha.abs(), b)?;
    if let PendingKind::Conv(c) = &mut sums.kind {
        c.bare_matmul = false;
        if alpha < 0.0 {
            *c = Conv { float: None, ..c.times(&vec![-1.0; c.bias.len()]) };
        }
    }
    if b.vector && b.scales.len() == 1 {
        sums.fuse = Fuse::Never;
    }
    let Some(bias) = bias else { return Ok(sums) };
    let bias = if beta == 1.0 { bias } else { bias.times(beta) };
    // With a bias ONNX Runtime fuses neither factor.
    if sums.fuse == Fuse::Never || alpha != 1.0 || beta != 1.0 {
        return Ok(Pending { fuse: Fuse::Never, ..sums.plus(&bias)? });
    }
    Ok(Pending { fuse: Fuse::product(a.unsigned, b.element, Some(bias.element)), ..sums.plus(&bias)? })
}
