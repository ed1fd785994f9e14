//! `larder invoke` and `larder logs`.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::support::functions::create_python;
use crate::support::{Options, Server};

const ORDERS: &str = "\
def handler(event, context):
    print('an order', event.get('order'))
    if event.get('order') == 13:
        raise ValueError('unlucky')
    return {'order': event.get('order')}
";

/// Runs the command line, with something on standard input.
fn larder(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "LARDER_ENDPOINT"] {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("larder runs");
    process.stdin.take().expect("is piped").write_all(input.as_bytes()).expect("is read");
    process.wait_with_output().expect("larder ends")
}

crate::on_each_executor! {
    async fn a_function_is_called_with_its_log_beside_the_answer(executor) {
        let server = Server::start(Options::new(executor));
        create_python(&server.client(), "orders", ORDERS).await;
        let (url, data_dir) = (server.url(), server.data_dir());
        let at_url = ["--endpoint", url.as_str()];
        let at_folder = ["--data-dir", data_dir.to_str().expect("text")];
        for (event, input, at) in [(r#"{"order": 7}"#, "", at_url), ("-", r#"{"order": 7}"#, at_folder)] {
            let arguments = [&["invoke", "orders", "--event", event, "--tail"][..], &at].concat();
            let Output { status, stdout, stderr } = larder(&arguments, input);
            let log = String::from_utf8_lossy(&stderr);
            assert!(status.success(), "{log}");
            assert_eq!(String::from_utf8_lossy(&stdout), "{\"order\": 7}\n");
            assert!(log.contains("an order 7") && log.contains("REPORT RequestId"), "{log}");
        }

        let failed = larder(&[&["invoke", "orders", "-e", r#"{"order": 13}"#][..], &at_url].concat(), "");
        assert_eq!(failed.status.code(), Some(1), "the function failed");
        assert!(String::from_utf8_lossy(&failed.stdout).contains("unlucky"));
        assert!(!String::from_utf8_lossy(&failed.stderr).contains("an order"), "no log is shown unless asked for");

        let logs = || {
            let output = larder(&[&["logs", "orders", "--text", "an order"][..], &at_url].concat(), "");
            String::from_utf8(output.stdout).expect("text")
        };
        let text = crate::support::eventually("the lines are kept", || async {
            Some(logs()).filter(|text| text.lines().count() == 3)
        })
        .await;
        assert!(text.lines().next().is_some_and(|line| line.ends_with("an order 7")), "{text}");
        let none = larder(&[&["logs", "other"][..], &at_url].concat(), "");
        assert!(String::from_utf8_lossy(&none.stdout).contains("No line of a log"));
    }
}
