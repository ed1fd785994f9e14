//! Requests, as whoever reaches the port sends them: connections, bodies and the guard as in the server, then everything
//! that is made of a request before an operation sees it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use larder::front::guard::cors::CorsOrigins;
use larder::front::guard::hosts::Hosts;
use larder::front::guard::{Guard, guard};
use larder::front::service::ServiceName;
use larder::front::{Bodies, Connections, LocalUser, LocalUsers, Patience, Places, Room, Token};
use larder::protocol::binding::bind;
use larder::protocol::codec::Codec;
use larder::protocol::form::Form;
use larder::protocol::router::Router as Routes;
use larder::protocol::{Received, error, sigv4};
use larder::services::{Services, lambda};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

/// How long an input may take: what it begins ends with its connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server of requests, without what operations do.
struct Served {
    runtime: tokio::runtime::Runtime,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let folder = super::scratch();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let socket = folder.path().join("socket");
    let _inside = runtime.enter();
    let listener = UnixListener::bind(&socket).expect("a socket");
    let bodies = Arc::new(Bodies::new(folder.path().to_owned(), Room::default()));
    let users = LocalUsers::new(&[LocalUser::Any], &[]);
    let origins = CorsOrigins::new(&["https://app.example".parse().expect("an origin")]);
    let hosts = Hosts::new(&[([127, 0, 0, 1], 4566).into()], []);
    let at_the_door = Arc::new(Guard::new(users.clone(), hosts, origins, Token::open(folder.path()).expect("a token")));
    let app = Router::new().fallback(answer).layer(from_fn_with_state(at_the_door, guard));
    let connections = Connections::new(app, bodies, Patience::default(), Places::one_in(4), users);
    runtime.spawn(connections.serve(listener, CancellationToken::new()));
    Served { runtime, socket, _folder: folder }
});

/// A task's panic ends the task only, and is told here.
static PANICKED: AtomicBool = AtomicBool::new(false);

pub fn run(input: &[u8]) {
    let Served { runtime, socket, .. } = &*SERVED;
    let heard = runtime.block_on(async { tokio::time::timeout(PATIENCE, converse(socket, input)).await });
    let said = heard.expect("it comes to an end");
    assert!(!PANICKED.load(Ordering::Acquire), "a request made its handler panic");
    // Nothing is answered to a head that did not come whole.
    let is_answer = said.starts_with(b"HTTP/1.0 ") || said.starts_with(b"HTTP/1.1 ");
    assert!(said.is_empty() || is_answer, "an answer is one: {:?}", String::from_utf8_lossy(&said));
}

async fn converse(socket: &PathBuf, input: &[u8]) -> Vec<u8> {
    let stream = UnixStream::connect(socket).await.expect("connects");
    let (mut reader, mut writer) = stream.into_split();
    let mut said = Vec::new();
    let send = async {
        // The server may have heard enough.
        let _ = writer.write_all(input).await;
        drop(writer);
    };
    let ((), _) = tokio::join!(send, reader.read_to_end(&mut said));
    said
}

async fn answer(request: Request) -> Response {
    let answered = std::panic::AssertUnwindSafe(read(request)).catch_unwind().await;
    answered.unwrap_or_else(|_| {
        PANICKED.store(true, Ordering::Release);
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

/// What a service makes of a request before anything is done.
async fn read(request: Request) -> Response {
    static ROUTES: LazyLock<Routes<Services>> = LazyLock::new(|| Routes::new(&lambda::SERVICE));
    let (service, request) = ServiceName::of(request).await;
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let caller = sigv4::caller(&parts.headers);
    let told = format!("{caller:?} {:?}", Form::of(&parts, &body).get("Action"));
    let query = parts.uri.query().unwrap_or_default();
    let found = ROUTES.find(&parts.method, parts.uri.path(), query);
    let call = found.and_then(|(operation, params)| {
        bind(operation, Codec::RestJson, lambda::SERVICE.check, Received::new(parts, body, params, "id"))
    });
    let function = call.and_then(|call| call.function().map(|_| ()));
    let mut response = match function {
        Ok(()) => Body::from(told).into_response(),
        Err(error) => error::response(&error),
    };
    if let Ok(name) = HeaderValue::from_str(service.as_str()) {
        response.headers_mut().insert("x-service", name);
    }
    response
}

pub fn seeds() -> Vec<Vec<u8>> {
    let signed = "authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, \
                  SignedHeaders=host, Signature=00\r\n";
    let create = r#"{"FunctionName":"f","Runtime":"python3.12","Handler":"h.h","Role":"arn:aws:iam::000000000000:role/r","Code":{"ZipFile":"UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},"Environment":{"Variables":{"A":"b"}},"Tags":{"t":"v"}}"#;
    let with = |start: &str, headers: &str, body: &str| {
        let length = body.len();
        format!("{start} HTTP/1.1\r\nhost: localhost:4566\r\n{headers}content-length: {length}\r\n\r\n{body}")
    };
    [
        with("POST /2015-03-31/functions", signed, create),
        with("GET /2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af/configuration?Qualifier=1", signed, ""),
        with("POST /2015-03-31/functions/f/invocations", "x-amz-invocation-type: Event\r\nx-amz-client-context: e30=\r\n", "[1]"),
        with("POST /", "content-type: application/x-www-form-urlencoded\r\n", "Action=CreateRole&Tags.member.1.Key=a"),
        with("POST /", "x-amz-target: Logs_20140328.PutLogEvents\r\ncontent-type: application/x-amz-json-1.1\r\n", "{}"),
        with("OPTIONS /2015-03-31/functions", "origin: https://app.example\r\naccess-control-request-method: POST\r\n", ""),
        with("DELETE /2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af?tagKeys=a&tagKeys=b", "", ""),
        "POST /2018-10-31/layers/l/versions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
            .to_owned(),
        "GET http://s3.us-east-1.amazonaws.com/?X-Amz-Credential=a%2Fb%2Fc%2Fs3%2Faws4_request HTTP/1.1\r\nhost: x\r\n\r\nGET /_larder/health HTTP/1.0\r\n\r\n"
            .to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect()
}
