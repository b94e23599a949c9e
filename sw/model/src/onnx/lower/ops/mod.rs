// SPDX-License-Identifier: Apache-2.0
//! Operators, a file for each family. A handler takes a node and the values of its inputs and gives the value of its first output; it
//! adds layers only where nothing behind it can change them.

pub mod batch_normalization;
pub mod binary;
pub mod columns;
pub mod concat;
pub mod conv;
pub mod conv_transpose;
pub mod extreme;
pub mod functions;
pub mod gather;
pub mod host;
pub mod matmul;
pub mod normalization;
pub mod order;
pub mod pad;
pub mod pool;
pub mod quantize;
pub mod reduce;
pub mod resize;
pub mod resize_linear;
pub mod slice;
pub mod softmax;
pub mod split;
pub mod sum;
