// SPDX-License-Identifier: Apache-2.0
//! Tensors of the protocol: JSON numbers or little-endian bytes.

use crate::model::Port;
use serde_json::Value;
use systole_model::onnx::{Array, Data, ElementType};

/// What the protocol calls an element type.
pub fn datatype(element: ElementType) -> &'static str {
    match element {
        ElementType::Float32 => "FP32",
        ElementType::Uint8 => "UINT8",
        ElementType::Int8 => "INT8",
        ElementType::Int32 => "INT32",
        ElementType::Int64 => "INT64",
    }
}

/// A tensor from JSON: numbers row-major, or nested as the shape is.
///
/// # Errors
/// What is wrong with them.
pub fn from_json(port: &Port, data: &Value) -> Result<Array, String> {
    let name = &port.name;
    let Value::Array(outer) = data else { return Err(format!("input '{name}': data is no array")) };
    let mut flat = Vec::with_capacity(port.len());
    if outer.first().is_some_and(Value::is_array) {
        nested(data, &port.shape, &mut flat).map_err(|e| format!("input '{name}': {e}"))?;
    } else {
        flat.extend(outer);
    }
    if flat.len() != port.len() {
        return Err(format!("input '{name}' of shape {:?} has {} elements, data has {}", port.shape, port.len(), flat.len()));
    }
    fn all<T>(port: &Port, flat: &[&Value], get: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, String> {
        let one = |(at, v): (usize, &&Value)| {
            get(v).ok_or_else(|| {
                let text: String = v.to_string().chars().take(40).collect();
                format!("input '{}': element {at}, {text}, is no {}", port.name, datatype(port.element))
            })
        };
        flat.iter().enumerate().map(one).collect()
    }
    let float = |v: &Value| v.as_f64().map(|v| v as f32).filter(|v| v.is_finite());
    let data = match port.element {
        ElementType::Int8 => Data::I8(all(port, &flat, |v| v.as_i64()?.try_into().ok())?),
        ElementType::Uint8 => Data::U8(all(port, &flat, |v| v.as_i64()?.try_into().ok())?),
        ElementType::Int32 => Data::I32(all(port, &flat, |v| v.as_i64()?.try_into().ok())?),
        ElementType::Int64 => Data::I64(all(port, &flat, Value::as_i64)?),
        ElementType::Float32 => Data::F32(all(port, &flat, float)?),
    };
    Ok(Array { shape: port.shape.clone(), data })
}

fn nested<'a>(value: &'a Value, shape: &[usize], flat: &mut Vec<&'a Value>) -> Result<(), String> {
    let Some((&n, inner)) = shape.split_first() else {
        flat.push(value);
        return Ok(());
    };
    match value {
        Value::Array(all) if all.len() == n => all.iter().try_for_each(|v| nested(v, inner, flat)),
        Value::Array(all) => Err(format!("data has {} elements where the shape has {n}", all.len())),
        _ => Err("data is not nested as the shape is".into()),
    }
}

/// A tensor from bytes.
///
/// # Errors
/// Their number.
pub fn from_bytes(port: &Port, bytes: &[u8]) -> Result<Array, String> {
    if bytes.len() != port.bytes() {
        return Err(format!("input '{}' takes {} bytes, binary_data_size is {}", port.name, port.bytes(), bytes.len()));
    }
    fn words<T, const N: usize>(bytes: &[u8], make: fn([u8; N]) -> T) -> Vec<T> {
        bytes.chunks_exact(N).map(|b| make(std::array::from_fn(|i| b[i]))).collect()
    }
    let data = match port.element {
        ElementType::Int8 => Data::I8(words(bytes, i8::from_le_bytes)),
        ElementType::Uint8 => Data::U8(bytes.to_vec()),
        ElementType::Int32 => Data::I32(words(bytes, i32::from_le_bytes)),
        ElementType::Int64 => Data::I64(words(bytes, i64::from_le_bytes)),
        ElementType::Float32 => Data::F32(words(bytes, f32::from_le_bytes)),
    };
    Ok(Array { shape: port.shape.clone(), data })
}

/// Elements as little-endian bytes.
pub fn to_bytes(array: &Array) -> Vec<u8> {
    match &array.data {
        Data::I8(v) => v.iter().map(|&v| v as u8).collect(),
        Data::U8(v) => v.clone(),
        Data::I32(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::I64(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::F32(v) => v.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}

/// Elements as an array of JSON; what is no number is null.
pub fn to_json(array: &Array) -> String {
    fn all<T>(values: &[T], text: impl Fn(&T) -> String) -> String {
        format!("[{}]", values.iter().map(text).collect::<Vec<_>>().join(","))
    }
    match &array.data {
        Data::I8(v) => all(v, ToString::to_string),
        Data::U8(v) => all(v, ToString::to_string),
        Data::I32(v) => all(v, ToString::to_string),
        Data::I64(v) => all(v, ToString::to_string),
        Data::F32(v) => all(v, |v| if v.is_finite() { format!("{v:?}") } else { "null".into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn port(element: ElementType, shape: &[usize]) -> Port {
        Port { name: "x".into(), shape: shape.to_vec(), element }
    }

    #[test]
    fn numbers_flat_or_nested_come_to_the_same() {
        let p = port(ElementType::Int8, &[2, 2]);
        let flat = from_json(&p, &json!([1, -128, 127, 0])).unwrap();
        assert_eq!(flat, from_json(&p, &json!([[1, -128], [127, 0]])).unwrap());
        assert_eq!(flat, from_bytes(&p, &to_bytes(&flat)).unwrap());
        assert_eq!(to_json(&flat), "[1,-128,127,0]");
        for bad in [
            json!([1, 2, 3]),
            json!([[1, 2], [3]]),
            json!([1, 2, 3, 128]),
            json!([1, 2, 3, 1.5]),
            json!({}),
            json!([1, 2, 3, [4]]),
        ] {
            from_json(&p, &bad).unwrap_err();
        }
    }

    #[test]
    fn floats_come_back_as_they_went() {
        let p = port(ElementType::Float32, &[5]);
        let a = Array { shape: vec![5], data: Data::F32(vec![0.1, -0.0, 1e-40, 3.4e38, 16_777_217.0]) };
        let text: Value = serde_json::from_str(&to_json(&a)).unwrap();
        assert_eq!(from_json(&p, &text).unwrap(), a);
        assert_eq!(from_bytes(&p, &to_bytes(&a)).unwrap(), a);
        assert!(from_json(&p, &json!([0, 0, 0, 0, 1e300])).unwrap_err().contains("element 4"));
        from_bytes(&p, &[0; 19]).unwrap_err();
    }
}
