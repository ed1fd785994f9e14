//! `SnapStart`: published versions are initialised, and restored for their first invocation.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{Runtime, SnapStart, SnapStartApplyOn};
use serde_json::json;

use crate::on_each_executor;
use crate::support::functions::{active, creation, python};
use crate::support::invoke::call;
use crate::support::log_lines::{self, texts};
use crate::support::{Executor, Options, Server};

/// Notes in which order what was called.
const HOOKED: &str = r#"
import os
from snapshot_restore_py import register_after_restore, register_before_snapshot
seen = []
@register_before_snapshot
def last():
    seen.append("before 1")
register_before_snapshot(seen.append, "before 2")
register_after_restore(seen.append, "after 1")
@register_after_restore
def end():
    seen.append("after 2")
def handler(event, context):
    seen.append("invoked")
    return [os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], seen]
"#;

/// A server whose image for this runtime is the one that tests have: AWS has no `SnapStart` for older ones.
fn server(executor: Executor) -> Server {
    let image = r#"{"python3.12": "public.ecr.aws/lambda/python:3.11"}"#;
    Server::start(Options::new(executor).with("LAMBDA_RUNTIME_IMAGE_MAPPING", image))
}

/// Creates a function with `SnapStart`, and its version 1.
async fn publish(client: &Client, name: &str, code: &str) {
    let snap_start = SnapStart::builder().apply_on(SnapStartApplyOn::PublishedVersions).build();
    creation(client, name, Runtime::Python312, python(code)).snap_start(snap_start).send().await.expect("created");
    active(client, name).await;
    client.publish_version().function_name(name).send().await.expect("published");
}

on_each_executor! {
    async fn a_published_version_is_restored_with_its_hooks(executor) {
        let server = server(executor);
        let client = server.client();
        publish(&client, "hooked", HOOKED).await;
        assert_eq!(call(&client, "hooked").await.response(), json!(["on-demand", ["invoked"]]));
        let first = call(&client, "hooked:1").await;
        let report = first.log.lines().find(|line| line.starts_with("REPORT")).unwrap_or_default().to_owned();
        assert!(report.contains("\tRestore Duration: ") && report.contains("\tBilled Restore Duration: "), "{report}");
        assert!(!report.contains("Init Duration"), "{report}");
        let hooks = ["before 2", "before 1", "after 1", "after 2", "invoked"];
        assert_eq!(first.response(), json!(["snap-start", hooks]));
        let second = call(&client, "hooked:1").await;
        assert!(!second.log.contains("Restore Duration"), "{}", second.log);
        let lines = log_lines::with(&server, "/aws/lambda/hooked", "RESTORE_REPORT").await;
        let lines = texts(&lines);
        let line = |start: &str| lines.iter().position(|line| line.starts_with(start));
        let order = [line("INIT_REPORT"), line("RESTORE_START Runtime Version: python:3.12"), line("RESTORE_REPORT Restore Duration: ")];
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?} {lines:#?}");
    }

    async fn a_hook_that_fails_is_told(executor) {
        let server = server(executor);
        let client = server.client();
        for (name, hook) in [("early", "before_snapshot"), ("late", "after_restore")] {
            let code = format!(
                "import snapshot_restore_py\ndef hook():\n    raise ValueError('no way')\n\
                 snapshot_restore_py.register_{hook}(hook)\ndef handler(event, context):\n    return 1\n"
            );
            publish(&client, name, &code).await;
            for _ in 0..2 {
                let failed = call(&client, &format!("{name}:1")).await;
                assert_eq!(failed.failure().1, "no way", "{name}: {failed:#?}");
            }
            assert_eq!(call(&client, name).await.response(), json!(1), "{name}: no hook runs on demand");
        }
    }
}
