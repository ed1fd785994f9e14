//! Functions to create: the Python echo, and packages that differ from each other.

use std::io::{Cursor, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::http;

/// A language with an echo in it.
#[derive(Clone, Copy)]
pub struct Language {
    /// For people.
    pub name: &'static str,
    runtime: &'static str,
    file: &'static str,
    echo: &'static str,
    comment: &'static str,
}

/// What all invocations run that do not say otherwise.
pub const PYTHON: Language =
    Language { name: "Python", runtime: RUNTIME, file: "handler.py", echo: ECHO, comment: "#" };

/// The other one that stands by.
pub const NODE: Language = Language {
    name: "Node.js",
    runtime: "nodejs20.x",
    file: "handler.js",
    echo: include_str!("../../fixtures/functions/node-echo/index.js"),
    comment: "//",
};

/// The echo in Python.
const ECHO: &str = include_str!("../../fixtures/functions/python-echo/handler.py");

/// Bytes of a package; the issue's figure.
const SIZE: usize = 1024;

/// The runtime of the functions.
pub const RUNTIME: &str = "python3.11";

/// A package with the Python echo of exactly 1 KB, made distinct by `number`.
pub fn zip(number: usize) -> Vec<u8> {
    zip_in(PYTHON, number)
}

fn zip_in(language: Language, number: usize) -> Vec<u8> {
    let Language { file, echo, comment, .. } = language;
    let spare = SIZE - archive(file, echo.as_bytes()).len();
    let mut code = format!("{echo}\n{comment} {number:020} ");
    let filler = (echo.len() + spare).saturating_sub(code.len());
    code.extend(std::iter::repeat_n('x', filler));
    archive(file, code.as_bytes())
}

/// A stored (not deflated) archive: its size follows from the code's.
fn archive(file: &str, code: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file(file, options).expect("an archive in memory");
    zip.write_all(code).expect("an archive in memory");
    zip.finish().expect("an archive in memory").into_inner()
}

/// A package with this code.
pub fn python(code: &str) -> Vec<u8> {
    archive(PYTHON.file, code.as_bytes())
}

/// A package of `size` bytes that no compression makes smaller, made distinct by `number`.
pub fn large(number: usize, size: usize) -> Vec<u8> {
    let mut code = format!("{ECHO}\n# ").into_bytes();
    let mut word = number as u64 + 1;
    while code.len() < size - 1024 {
        // Xorshift: quick, and noise to a compressor.
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        code.extend(word.to_le_bytes());
    }
    archive(PYTHON.file, &code)
}

/// A package that unpacks to `size` bytes beside the echo, and is small itself.
pub fn spacious(size: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (name, content) in [("handler.py", ECHO.as_bytes()), ("data", &vec![0; size])] {
        zip.start_file(name, options).expect("an archive in memory");
        zip.write_all(content).expect("an archive in memory");
    }
    zip.finish().expect("an archive in memory").into_inner()
}

/// The request that creates the function `name` from package `number`.
pub fn create_request(name: &str, number: usize) -> Vec<u8> {
    create_request_of(name, &zip(number))
}

/// The same in a language.
pub fn create_request_in(language: Language, name: &str, number: usize) -> Vec<u8> {
    creation(name, language, &json!({ "ZipFile": STANDARD.encode(zip_in(language, number)) }))
}

/// The request that creates the function `name` from a package.
pub fn create_request_of(name: &str, zip: &[u8]) -> Vec<u8> {
    creation(name, PYTHON, &json!({ "ZipFile": STANDARD.encode(zip) }))
}

/// The request that creates the function `name`, whose code stays in a folder.
pub fn create_in_folder_request(name: &str, folder: &Path) -> Vec<u8> {
    creation(name, PYTHON, &json!({ "S3Bucket": "hot-reload", "S3Key": folder }))
}

fn creation(name: &str, language: Language, code: &Value) -> Vec<u8> {
    let body = json!({
        "FunctionName": name,
        "Runtime": language.runtime,
        "Role": "arn:aws:iam::000000000000:role/speed",
        "Handler": "handler.handler",
        "Timeout": 30,
        "Code": code,
    });
    http::request("POST", "/2015-03-31/functions", body.to_string().as_bytes())
}

/// The request that invokes the function `name`.
pub fn invoke_request(name: &str) -> Vec<u8> {
    http::request("POST", &format!("/2015-03-31/functions/{name}/invocations"), br#"{"key":"value"}"#)
}
