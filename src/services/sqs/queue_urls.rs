//! URLs of queues. One is `http://HOST/ACCOUNT/NAME`, at whatever host the caller came to; forms that `LocalStack` gives
//! out are read too: `http://sqs.REGION.HOST/ACCOUNT/NAME`, `http://REGION.queue.HOST/ACCOUNT/NAME`,
//! `http://HOST/queue/REGION/ACCOUNT/NAME`.

use crate::model::names::Scope;
use crate::model::queues::QueueKey;
use crate::protocol::call::Call;

/// The host of a caller that names none.
const DEFAULT_HOST: &str = "localhost:4566";

/// The queue of a call's `QueueUrl`. A bare name is one of the caller's account.
pub fn key(call: &Call) -> QueueKey {
    parse(call.text_or_empty("QueueUrl"), &call.scope)
}

/// The URL of a queue, for a caller.
pub fn url(call: &Call, queue: &QueueKey) -> String {
    let host = Some(call.header("host")).filter(|host| !host.is_empty()).unwrap_or(DEFAULT_HOST);
    format!("http://{host}/{}/{}", queue.scope.account, queue.name)
}

/// Whether a path is one of a queue's URL.
pub fn is_queue_path(path: &str) -> bool {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts[..] {
        [account, _] | ["queue", _, account, _] => is_account(account),
        _ => false,
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The queue of a URL, or of the path of one; the region is the caller's unless the URL says another.
fn parse(url: &str, caller: &Scope) -> QueueKey {
    let without_scheme = url.split_once("://").map(|(_, rest)| rest);
    let (host, path) = without_scheme.map_or(("", url), |rest| rest.split_once('/').unwrap_or((rest, "")));
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let key = |account: &str, region: &str, name: &str| QueueKey {
        scope: Scope { account: account.into(), region: region.into() },
        name: name.into(),
    };

    match parts[..] {
        [name] => QueueKey { scope: caller.clone(), name: name.into() },
        ["queue", region, account, name] => key(account, region, name),
        [.., account, name] => key(account, region_of_host(host).unwrap_or(caller.region.as_str()), name),
        [] => QueueKey { scope: caller.clone(), name: "".into() },
    }
}

/// The region that a host names: `sqs.REGION.…`, `REGION.queue.…`.
fn region_of_host(host: &str) -> Option<&str> {
    let labels: Vec<&str> = host.split('.').collect();
    let (["sqs", region, _, ..] | [region, "queue", _, ..]) = labels[..] else { return None };
    let is_region = region.contains('-') && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_region.then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (String, String, String) {
        let caller = Scope { account: "111111111111".into(), region: "eu-west-1".into() };
        let QueueKey { scope, name } = parse(url, &caller);
        (scope.account.to_string(), scope.region.to_string(), name.to_string())
    }

    #[test]
    fn every_form_of_a_url_is_read() {
        for (url, account, region, name) in [
            ("http://localhost:4566/000000000000/q", "000000000000", "eu-west-1", "q"),
            ("http://localhost:4566/000000000000/q.fifo/", "000000000000", "eu-west-1", "q.fifo"),
            ("/000000000000/q", "000000000000", "eu-west-1", "q"),
            ("q", "111111111111", "eu-west-1", "q"),
            ("http://sqs.us-east-2.localhost.localstack.cloud:4566/000000000000/q", "000000000000", "us-east-2", "q"),
            ("https://sqs.us-east-2.amazonaws.com/000000000000/q", "000000000000", "us-east-2", "q"),
            ("http://us-east-2.queue.localhost.localstack.cloud:4566/000000000000/q", "000000000000", "us-east-2", "q"),
            ("http://queue.localhost.localstack.cloud:4566/000000000000/q", "000000000000", "eu-west-1", "q"),
            ("http://localhost:4566/queue/us-west-2/000000000000/q", "000000000000", "us-west-2", "q"),
            ("http://localhost:4566", "111111111111", "eu-west-1", ""),
        ] {
            assert_eq!(parts(url), (account.to_owned(), region.to_owned(), name.to_owned()), "{url}");
        }
    }

    #[test]
    fn queue_paths_are_told_from_others() {
        for path in ["/000000000000/q", "/000000000000/q/", "/queue/us-east-1/000000000000/q.fifo"] {
            assert!(is_queue_path(path), "{path}");
        }
        for path in ["/", "/2015-03-31/functions", "/00000000000/q", "/bucket/000000000000/q", "/000000000000"] {
            assert!(!is_queue_path(path), "{path}");
        }
    }
}
