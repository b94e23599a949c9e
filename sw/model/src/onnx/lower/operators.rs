// SPDX-License-Identifier: Apache-2.0
//! The table of operators: every one that is compiled, and those that are refused by name whatever their inputs are.

use crate::onnx::error::Fail;
use crate::onnx::fuse::columns::COLUMNS;
use crate::onnx::fuse::functions::is_function;
use crate::onnx::fuse::input_norms::INPUT_NORMS;
use crate::onnx::fuse::norms::NORMS;
use crate::onnx::fuse::value::{Inputs, Value};
use crate::onnx::lower::building::Building;
use crate::onnx::lower::ops::{
    batch_normalization, binary, columns, concat, conv, conv_transpose, extreme, functions, gather, host, matmul, normalization,
    order, pad, pool, quantize, reduce, resize, slice, softmax, split, sum,
};
use crate::onnx::parse::node::Node;

/// What is done with a node.
#[derive(Clone, Copy)]
pub enum Handler {
    /// Gives the value of its first output.
    First(fn(&mut Building, &Node, Inputs) -> Result<Value, Fail>),
    /// Gives the values of all its outputs.
    All(fn(&mut Building, &Node, Inputs) -> Result<Vec<Value>, Fail>),
    /// The machine has no unit for it: why not, and what would help.
    Refused(&'static str, &'static str),
}
use Handler::{All, First, Refused};

const RECURRENT: &str = "its steps are float32 operators that have no scales";
const RECURRENT_HELP: &str = "scripts/expand_rnn.py writes it as quantised operators, where its input comes from DequantizeLinear or --calibrate gives inputs";

const SKIP: &str = "it adds two tensors in float32 before it normalises them";
const SKIP_HELP: &str = "write it as Add, QuantizeLinear, DequantizeLinear and LayerNormalization";

/// Operators of ONNX.
const STANDARD: &[(&str, Handler)] = &[
    ("QuantizeLinear", First(quantize::quantize)),
    ("DequantizeLinear", First(quantize::dequantize)),
    ("Conv", First(conv::float)),
    ("QLinearConv", First(conv::qlinear)),
    ("ConvInteger", First(conv::integer)),
    ("ConvTranspose", First(conv_transpose::apply)),
    ("MatMul", First(matmul::float)),
    ("Gemm", First(matmul::float_gemm)),
    ("QLinearMatMul", First(matmul::qlinear)),
    ("MatMulInteger", First(matmul::integer)),
    ("Add", First(binary::float)),
    ("Sub", First(binary::float)),
    ("Mul", First(binary::float)),
    ("Div", First(binary::float)),
    ("PRelu", First(binary::float)),
    ("Sum", First(sum::sum)),
    ("Max", First(extreme::extreme)),
    ("Min", First(extreme::extreme)),
    ("MaxPool", First(pool::max_pool)),
    ("GlobalMaxPool", First(pool::max_pool)),
    ("AveragePool", First(pool::mean)),
    ("GlobalAveragePool", First(pool::mean)),
    ("BatchNormalization", First(batch_normalization::batch_normalization)),
    ("ReduceMax", First(reduce::reduce)),
    ("ReduceMean", First(reduce::reduce)),
    ("ReduceSum", First(reduce::reduce)),
    ("Concat", First(concat::concat)),
    ("Slice", First(slice::slice)),
    ("Split", All(split::split)),
    ("Gather", First(gather::gather)),
    ("Pad", First(pad::pad)),
    ("Resize", First(resize::resize)),
    ("Upsample", First(resize::resize)),
    ("Reshape", First(order::layout)),
    ("Flatten", First(order::layout)),
    ("Squeeze", First(order::layout)),
    ("Unsqueeze", First(order::layout)),
    ("Transpose", First(order::layout)),
    ("DepthToSpace", First(order::layout)),
    ("SpaceToDepth", First(order::layout)),
    ("Identity", First(order::same)),
    ("Dropout", First(order::same)),
    ("Softmax", First(softmax::softmax)),
    ("LogSoftmax", First(softmax::softmax)),
    ("ArgMax", First(host::arg_max)),
    ("Constant", Refused("a constant that is no tensor of numbers", "write it as an initialiser")),
    ("LayerNormalization", First(normalization::layer)),
    ("RMSNormalization", First(normalization::layer)),
    ("SimplifiedLayerNormalization", First(normalization::layer)),
    ("GRU", Refused(RECURRENT, RECURRENT_HELP)),
    ("LSTM", Refused(RECURRENT, RECURRENT_HELP)),
    (
        "DynamicQuantizeLinear",
        Refused(
            "its scale depends on the data; the machine's program is fixed before it runs",
            "quantise statically (quantize_static; docs/quantising.md)",
        ),
    ),
    ("Cast", Refused("types do not change inside the machine", "remove the Cast, or quantise around it")),
];

/// Operators of com.microsoft.
const MICROSOFT: &[(&str, Handler)] = &[
    ("QuantizeLinear", First(quantize::quantize)),
    ("DequantizeLinear", First(quantize::dequantize)),
    ("QLinearAdd", First(binary::qlinear)),
    ("QLinearMul", First(binary::qlinear)),
    ("QLinearAveragePool", First(pool::qlinear)),
    ("QLinearGlobalAveragePool", First(pool::qlinear)),
    ("QLinearConcat", First(concat::qlinear_concat)),
    ("QLinearSigmoid", First(functions::qlinear)),
    ("QLinearLeakyRelu", First(functions::qlinear)),
    ("QLinearSoftmax", First(softmax::qlinear)),
    ("QGemm", First(matmul::qgemm)),
    ("SimplifiedLayerNormalization", First(normalization::layer)),
    ("SkipLayerNormalization", Refused(SKIP, SKIP_HELP)),
    ("SkipSimplifiedLayerNormalization", Refused(SKIP, SKIP_HELP)),
];

/// What is done with a node.
///
/// # Errors
/// An operator that is not known: the reason says so.
pub fn find(node: &Node) -> Result<Handler, Fail> {
    let (domain, op) = (node.proto.domain.as_str(), node.op());
    let (table, domain) = match domain {
        "" | "ai.onnx" => (STANDARD, ""),
        "com.microsoft" => (MICROSOFT, domain),
        NORMS if op == COLUMNS => return Ok(All(columns::columns)),
        NORMS if op == INPUT_NORMS => return Ok(All(normalization::of_input)),
        NORMS => return Ok(First(normalization::layer)),
        _ => {
            let reason = format!("operators of the domain '{domain}' are not known");
            return Err(Fail::Unsupported(reason, "use operators of ONNX or com.microsoft".into()));
        }
    };
    match table.iter().find(|(name, _)| *name == op) {
        Some((_, handler)) => Ok(*handler),
        None if is_function(domain, op) => Ok(First(functions::unary)),
        None if domain.is_empty() => {
            let help = "end the graph before it, and compute it on the host";
            Err(Fail::Unsupported(format!("{op} is not compiled"), help.into()))
        }
        None => Err(Fail::Unsupported(format!("com.microsoft.{op} is not compiled"), String::new())),
    }
}
