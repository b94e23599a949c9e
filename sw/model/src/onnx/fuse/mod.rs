// SPDX-License-Identifier: Apache-2.0
//! Third pass: what ONNX Runtime makes one operator of. A name stands for a [`value::Value`], which is not computed until
//! QuantizeLinear says what becomes of it; the files here say how values go through operators, one for each rule.
//!
//! It imports `parse`, `fold`, the files beside the passes, and types of [`crate::graph`] and [`crate::host`]; it adds no layer.
//!
//! | pattern | file |
//! |---|---|
//! | two pairs of QuantizeLinear and DequantizeLinear become one, before all else | [`pairs`] |
//! | DequantizeLinear, operator, QuantizeLinear become one operator on integers | [`dequantized`], [`group`] |
//! | Relu, Clip in front of QuantizeLinear vanish | [`clip`] |
//! | Reshape, Transpose and the like between | [`moved`] |
//! | a float32 bias, an int32 bias of another scale | [`bias`] |
//! | float32 arithmetic on the sums of a product | [`on_sums`] |
//! | a product of a mean | [`mean_product`] |
//! | pools | [`mean`] |
//! | the mean of a function, by channel or not | [`digits`], [`hinges`] |
//! | sums and products with one number | [`with_constant`], [`scalar`] |
//! | x f(x) | [`same_code`] |
//! | a constant for each channel | [`by_channel`] |
//! | functions of one number | [`functions`], [`tables`] |
//! | Concat, Max, Min, Pad by another value | [`joined`] |
//! | Softmax | [`softmax`], [`tail`] |
//! | a normalisation written as its parts | [`norms`] |
//! | normalisations of the graph's float32 input | [`input_norms`] |
//! | parts and other orders of a normalisation | [`picked`] |
//! | operators that are two | [`contrib`] |
//! | rows of several tables by one input | [`columns`], [`indices`] |

pub mod bias;
pub mod by_channel;
pub mod clip;
pub mod columns;
pub mod contrib;
pub mod dequantized;
pub mod digits;
pub mod functions;
pub mod group;
pub mod hinges;
pub mod indices;
pub mod input_norms;
pub mod joined;
pub mod layout;
pub mod mean;
pub mod mean_product;
pub mod moved;
pub mod norms;
pub mod on_sums;
pub mod operands;
pub mod pairs;
pub mod picked;
pub mod same_code;
pub mod scalar;
pub mod softmax;
pub mod tables;
pub mod tail;
pub mod value;
pub mod weights;
pub mod with_constant;
