// SPDX-License-Identifier: Apache-2.0
//! Element types of tensors.

use std::fmt;

/// Element types of tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// float32
    Float32,
    /// uint8
    Uint8,
    /// int8
    Int8,
    /// int32
    Int32,
    /// int64
    Int64,
}

impl ElementType {
    /// Whether numbers of an input of this type can only be indices of tables.
    pub fn is_index(self) -> bool {
        matches!(self, ElementType::Int32 | ElementType::Int64)
    }

    /// By its number in onnx.proto; otherwise its name.
    pub fn from_code(code: i32) -> Result<ElementType, String> {
        const NAMES: [&str; 26] = [
            "undefined",
            "float32",
            "uint8",
            "int8",
            "uint16",
            "int16",
            "int32",
            "int64",
            "string",
            "bool",
            "float16",
            "float64",
            "uint32",
            "uint64",
            "complex64",
            "complex128",
            "bfloat16",
            "float8e4m3fn",
            "float8e4m3fnuz",
            "float8e5m2",
            "float8e5m2fnuz",
            "uint4",
            "int4",
            "float4e2m1",
            "float8e8m0",
            "uint2",
        ];
        match code {
            1 => Ok(ElementType::Float32),
            2 => Ok(ElementType::Uint8),
            3 => Ok(ElementType::Int8),
            6 => Ok(ElementType::Int32),
            7 => Ok(ElementType::Int64),
            other => Err(usize::try_from(other)
                .ok()
                .and_then(|i| NAMES.get(i))
                .map_or(format!("number {other}"), |n| (*n).to_string())),
        }
    }

    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            ElementType::Uint8 | ElementType::Int8 => 1,
            ElementType::Float32 | ElementType::Int32 => 4,
            ElementType::Int64 => 8,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ElementType::Float32 => "float32",
            ElementType::Uint8 => "uint8",
            ElementType::Int8 => "int8",
            ElementType::Int32 => "int32",
            ElementType::Int64 => "int64",
        })
    }
}
