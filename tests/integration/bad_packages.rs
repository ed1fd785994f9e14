//! Code packages that no function should come from.

use std::io::{Cursor, Write as _};

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::Runtime;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::on_each_executor;
use crate::support::functions::{ROLE, active, create_some, creation, some, zip};
use crate::support::http::Request;
use crate::support::invoke::call;
use crate::support::{Options, Server};

/// "Zipped size must be smaller than", and the unpacked one.
const ZIPPED: usize = 52_428_800;
const UNZIPPED: u64 = 262_144_000;

const UNREADABLE: &str = "Could not unzip uploaded file. Please check your file, then try to upload again.";

/// Refused for a new function and for one that is there; neither changes anything.
async fn refused(server: &Server, what: &str, package: Vec<u8>, code: &str, message: &str) {
    let client = server.client();
    let sequence = server.sequence();
    let name = "new-one";
    let created = creation(&client, name, Runtime::Providedal2023, package.clone()).send().await;
    let error = created.expect_err(what).into_service_error();
    assert_eq!((error.code(), error.message()), (Some(code), Some(message)), "{what}");
    let update = client.update_function_code().function_name("there").zip_file(Blob::new(package)).send().await;
    let error = update.expect_err(what).into_service_error();
    assert_eq!((error.code(), error.message()), (Some(code), Some(message)), "{what}");
    assert_eq!(server.sequence(), sequence, "{what}");
    assert_eq!(server.health()["status"], "ok", "{what}");
}

async fn stage() -> Server {
    let server = Server::start(Options::any());
    create_some(&server.client(), "there").await;
    server
}

/// A zip whose file has `size` zeros.
fn zeros(size: u64, method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("zeros", SimpleFileOptions::default().compression_method(method)).expect("starts");
    let megabyte = vec![0; 1024 * 1024];
    let mut left = size;
    while left > 0 {
        let count = left.min(1024 * 1024);
        zip.write_all(&megabyte[..usize::try_from(count).expect("small")]).expect("writes");
        left -= count;
    }
    zip.finish().expect("finishes").into_inner()
}

/// Names and bytes of a zip's files.
type Entries<'a> = &'a [(&'a str, &'a [u8])];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_zip_or_a_broken_one() {
    let server = stage().await;
    let whole = zip(&[("a", b"some content of a file"), ("b", b"more content of another file")]);
    let mut flipped = whole.clone();
    flipped[35] ^= 0xff;
    for (what, package) in [
        ("text", b"this is no zip".to_vec()),
        ("a magic number only", b"PK\x03\x04".to_vec()),
        ("a tar", vec![0; 10_240]),
        ("its first half", whole[..whole.len() / 2].to_vec()),
        ("its last half", whole[whole.len() / 2..].to_vec()),
        ("without its last byte", whole[..whole.len() - 1].to_vec()),
        ("with a flipped byte", flipped),
    ] {
        refused(&server, what, package, "InvalidParameterValueException", UNREADABLE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_lead_out_of_the_package() {
    let server = stage().await;
    for name in ["../x", "a/../../x", "/etc/cron.d/x", "//x", "a/b/../../../x", "..", "..\\x", "C:\\x"] {
        let package = zip(&[("bootstrap", b"#!/bin/sh\n"), (name, b"owned")]);
        let client = server.client();
        let sequence = server.sequence();
        let created = creation(&client, "escapes", Runtime::Providedal2023, package).send().await;
        // A backslash is a character like any other here, as in AWS's Linux.
        if name.contains('\\') && created.is_ok() {
            client.delete_function().function_name("escapes").send().await.expect("deleted");
            continue;
        }
        let error = created.expect_err(name).into_service_error();
        assert_eq!(error.message(), Some(UNREADABLE), "{name}");
        assert_eq!(server.sequence(), sequence, "{name}");
    }
    let mut behind = ZipWriter::new(Cursor::new(Vec::new()));
    behind.add_symlink("folder", "elsewhere", SimpleFileOptions::default()).expect("links");
    behind.start_file("folder/file", SimpleFileOptions::default()).expect("starts");
    behind.write_all(b"through the link").expect("writes");
    let behind = behind.finish().expect("finishes").into_inner();
    refused(&server, "a file behind a link", behind, "InvalidParameterValueException", UNREADABLE).await;
    let long = "n".repeat(256);
    let entries: [(&str, Entries); 4] = [
        ("a file below a file", &[("a", b""), ("a/b", b"")]),
        ("a file where a folder is", &[("a/b", b""), ("a", b"")]),
        ("a name that no file can have", &[(&long, b"")]),
        ("a file in the place of the tree", &[("bootstrap", b""), (".", b"")]),
    ];
    for (what, entries) in entries {
        refused(&server, what, zip(entries), "InvalidParameterValueException", UNREADABLE).await;
    }
    refused(&server, "no file", zip(&[]), "InvalidParameterValueException", "Uploaded file must be a non-empty zip")
        .await;
    for path in ["x", "b", "elsewhere"] {
        for folder in [server.data_dir(), server.data_dir().join("trees"), server.data_dir().join("blobs")] {
            assert!(!folder.join(path).exists(), "{path} in {}", folder.display());
        }
    }
}

on_each_executor! {
    async fn links_to_anywhere_are_kept_and_lead_where_the_function_sees(executor) {
        const CODE: &str = "
import os
def handler(event, context):
    names = sorted(name for name in os.listdir('/var/task') if name.startswith('to-'))
    return [[name, os.readlink('/var/task/' + name), os.path.exists('/var/task/' + name)] for name in names]
";
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let secret = server.data_dir().join("secret");
        std::fs::write(&secret, "of the host").expect("written");
        let secret = secret.display().to_string();
        let mut package = ZipWriter::new(Cursor::new(Vec::new()));
        package.start_file("handler.py", SimpleFileOptions::default()).expect("starts");
        package.write_all(CODE.as_bytes()).expect("writes");
        let links = [("to-host", &*secret), ("to-module", "handler.py"), ("to-opt", "/opt"), ("to-up", "../../opt")];
        for (name, target) in links {
            package.add_symlink(name, target, SimpleFileOptions::default()).expect("links");
        }
        let package = package.finish().expect("finishes").into_inner();
        creation(&client, "linked", Runtime::Python311, package).send().await.expect("created");
        active(&client, "linked").await;
        let expected: Vec<_> = links.iter().map(|(name, target)| json!([name, target, *name != "to-host"])).collect();
        assert_eq!(call(&client, "linked").await.response(), json!(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_and_packages_that_are_too_large_unpacked() {
    let server = stage().await;
    let message = format!("Unzipped size must be smaller than {UNZIPPED} bytes");
    let bomb = zeros(UNZIPPED + 1024 * 1024, CompressionMethod::Deflated);
    assert!(bomb.len() < 1024 * 1024, "it looks harmless");
    refused(&server, "251 MB of zeros", bomb, "InvalidParameterValueException", &message).await;
    let kilobytes = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("runs");
    let peak = kilobytes.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak").trim().to_owned();
    let peak: u64 = peak.split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
    assert!(peak < 200 * 1024, "the bomb took {peak} kB of memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_that_are_too_large_zipped() {
    let server = stage().await;
    let message = format!("Zipped size must be smaller than {ZIPPED} bytes");
    let large = zeros(ZIPPED as u64 + 1, CompressionMethod::Stored);
    refused(&server, "51 MB", large, "RequestEntityTooLargeException", &message).await;
    let body = json!({
        "FunctionName": "huge", "Runtime": "provided.al2023", "Handler": "x", "Role": ROLE,
        "Code": { "ZipFile": "A".repeat(70_200_000) },
    });
    let sequence = server.sequence();
    let answer = Request::json("POST", "/2015-03-31/functions", &body).send(server.port());
    assert_eq!((answer.status, answer.error()), (413, "RequestEntityTooLargeException"));
    assert_eq!(answer.message(), "Request must be smaller than 70167211 bytes for the CreateFunction operation");
    assert_eq!(server.sequence(), sequence);
}

#[test]
fn packages_that_are_no_base64() {
    let server = Server::start(Options::any());
    let encoded = STANDARD.encode(some("x"));
    for zip in ["%%%", "a", "YQ", "YQ==YQ==", &format!("{encoded}!"), &format!("{encoded}\u{e4}")] {
        let body = json!({
            "FunctionName": "coded", "Runtime": "provided.al2023", "Handler": "x", "Role": ROLE,
            "Code": { "ZipFile": zip },
        });
        let answer = Request::json("POST", "/2015-03-31/functions", &body).send(server.port());
        assert_eq!(answer.status, 400, "{zip}: {answer:?}");
        assert_eq!(server.sequence(), 0, "{zip}");
    }
    assert_eq!(server.health()["status"], "ok");
}
