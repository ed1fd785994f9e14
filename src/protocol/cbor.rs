//! Smithy's CBOR as JSON, and JSON as such.
//!
//! Source: <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value};

/// Header of requests and answers in CBOR.
pub const SMITHY_PROTOCOL: &str = "smithy-protocol";

/// Its value.
pub const RPC_V2_CBOR: &str = "rpc-v2-cbor";

/// Whether a request is in CBOR.
pub fn speaks_cbor(parts: &Parts) -> bool {
    parts.headers.get(SMITHY_PROTOCOL).is_some_and(|protocol| protocol == RPC_V2_CBOR)
}

/// An answer with a body in CBOR.
pub fn answer(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/cbor"));
    headers.insert(SMITHY_PROTOCOL, HeaderValue::from_static(RPC_V2_CBOR));
    response
}

/// The tag of seconds since the epoch.
const EPOCH: u64 = 1;

/// What is said in a body: tags are dropped, bytes become base64.
///
/// # Errors
/// It is no CBOR, or not what JSON could say.
pub fn read(body: &[u8]) -> Result<Value, String> {
    let value: Cbor = ciborium::from_reader(body).map_err(|error| error.to_string())?;
    as_json(value)
}

fn as_json(value: Cbor) -> Result<Value, String> {
    Ok(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(value) => value.into(),
        Cbor::Integer(value) => {
            let value = i128::from(value);
            let number = u64::try_from(value).map(Number::from).or_else(|_| i64::try_from(value).map(Number::from));
            number.map_err(|_| format!("{value} is out of range"))?.into()
        }
        Cbor::Float(value) => Number::from_f64(value).ok_or("a number is none")?.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Bytes(bytes) => STANDARD.encode(bytes).into(),
        Cbor::Tag(_, value) => as_json(*value)?,
        Cbor::Array(items) => items.into_iter().map(as_json).collect::<Result<Vec<_>, _>>()?.into(),
        Cbor::Map(entries) => {
            let entries = entries.into_iter().map(|(key, value)| match key {
                Cbor::Text(key) => Ok((key, as_json(value)?)),
                _ => Err("a member's name is no text".to_owned()),
            });
            entries.collect::<Result<Map<_, _>, _>>()?.into()
        }
        _ => return Err("there is something unknown in it".to_owned()),
    })
}

/// A body that says `output`; the members called as in `times` are times.
pub fn write(output: &Value, times: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    // A vector takes all that is written to it.
    let _ = ciborium::into_writer(&as_cbor(output, times, false), &mut body);
    body
}

fn as_cbor(value: &Value, times: &[&str], is_time: bool) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => Cbor::Bool(*value),
        Value::Number(number) => {
            let plain = number.as_i64().map(Cbor::from).or_else(|| number.as_u64().map(Cbor::from));
            let plain = plain.unwrap_or_else(|| Cbor::Float(number.as_f64().unwrap_or_default()));
            if is_time { Cbor::Tag(EPOCH, Box::new(plain)) } else { plain }
        }
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::Array(items.iter().map(|item| as_cbor(item, times, is_time)).collect()),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                (Cbor::Text(name.clone()), as_cbor(value, times, times.contains(&name.as_str())))
            };
            Cbor::Map(members.iter().map(member).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let value =
            json!({ "a": [1, -2, 3.5, null, true], "Timestamps": [1_700_000_000, 1.5], "b": { "Timestamp": 7 } });
        let body = write(&value, &["Timestamp", "Timestamps"]);
        assert_eq!(read(&body).expect("CBOR"), value);
        let tagged = body.windows(2).filter(|bytes| bytes[0] == 0xc1).count();
        assert_eq!(tagged, 3, "{body:02x?}");
        assert!(read(b"\xff").is_err() && read(&[0x9f]).is_err());
    }
}
