//! Who may come in over the port: programs of the user who runs the server and whom that one lets in, but no other user
//! of the machine, and no web page that the user's browser happens to show. See docs/security.md.

pub mod cors;
pub mod hosts;
mod own_endpoints;
mod refusal;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use axum::middleware::Next;

use self::cors::{Allowed, CorsOrigins};
use self::hosts::{Hosts, Owner};
use self::own_endpoints::is_localstacks;
pub use self::own_endpoints::{REQUEST_HEADER, TOKEN_HEADER, is_larders_own};
use self::refusal::Refusal;
use super::function_url::FunctionUrl;
use super::users::Caller;
use super::{Ends, LocalUsers, Token};
use crate::console::Trusted;

/// Hosts and origins of which the log says that they were refused, at most: their senders choose them.
const SAID: usize = 100;

/// Bytes of a host or an origin that are repeated.
const SHOWN: usize = 200;

/// Who may come in.
#[derive(Debug)]
pub struct Guard {
    users: LocalUsers,
    hosts: Hosts,
    origins: CorsOrigins,
    token: Token,
    said: Mutex<HashSet<String>>,
}

/// A request that may come in.
#[derive(Debug)]
struct Admitted {
    /// The origin of the page that sent it, where one of another site may.
    origin: Option<Allowed>,
    is_trusted: bool,
}

impl Guard {
    /// A guard that lets these users in, knows these hosts, lets pages of these origins in, and whoever has the token
    /// see secrets.
    pub fn new(users: LocalUsers, hosts: Hosts, origins: CorsOrigins, token: Token) -> Self {
        Self { users, hosts, origins, token, said: Mutex::default() }
    }

    /// The users of this machine that may call.
    pub fn users(&self) -> &LocalUsers {
        &self.users
    }

    fn admit(&self, request: &Request<Body>) -> Result<Admitted, Refusal> {
        let caller = request.extensions().get::<Ends>().map_or(Caller::Hidden, |ends| ends.caller);
        if !self.users.admit(caller) {
            return Err(Refusal::User(caller.to_string()));
        }
        let host = host(request)?;
        let headers = request.headers();

        match host.map_or(Owner::Ours, |host| self.hosts.owner(host)) {
            Owner::Ours => {}
            Owner::Aws if !is_of_browser(headers) => {}
            Owner::Aws => return Err(Refusal::Borrowed(shown(host.unwrap_or_default()))),
            Owner::Foreign => return Err(Refusal::Host(shown(host.unwrap_or_default()))),
        }

        // Anybody's pages call functions, as on AWS; what they may read of that, the function's CORS says.
        if FunctionUrl::of(request).is_some() {
            return Ok(Admitted { origin: None, is_trusted: false });
        }

        if let Some(action) = action_of_a_link(request) {
            return Err(Refusal::Link(shown(&action)));
        }
        let larders_own = is_larders_own(request.uri().path());
        let origin = self.site(headers, host.unwrap_or_default(), larders_own)?;
        let is_trusted = larders_own && token(headers).is_some_and(|given| self.token.is(given));

        let needs_no_header = is_safe(request.method())
            || is_trusted
            || (is_localstacks(request.uri().path()) && !is_of_browser(headers));
        if larders_own && !needs_no_header && !headers.contains_key(REQUEST_HEADER) {
            let method = request.method().to_string();
            let path = shown(request.uri().path());
            return Err(Refusal::NoHeader { method, path });
        }

        Ok(Admitted { origin, is_trusted })
    }

    /// The origin of a page of another site, if one sent the request and may.
    fn site(&self, headers: &HeaderMap, host: &str, larders_own: bool) -> Result<Option<Allowed>, Refusal> {
        let mut sites = headers.get_all("sec-fetch-site").iter().map(HeaderValue::as_bytes);
        let is_other_site = sites.any(|site| matches!(site, b"cross-site" | b"same-site"));
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            let is_let_in = !is_other_site || (self.origins.are_all() && !larders_own);
            return if is_let_in { Ok(None) } else { Err(Refusal::Site) };
        };
        if is_same(origin, host) && !is_other_site && origins.next().is_none() {
            return Ok(None);
        }
        let allowed = self.origins.allow(origin, larders_own).filter(|_| origins.next().is_none());
        if allowed.is_none() && origin == "null" {
            return Err(Refusal::Site);
        }

        allowed.map(Some).ok_or_else(|| Refusal::Origin(shown(&String::from_utf8_lossy(origin.as_bytes()))))
    }

    /// Says in the log that somebody was refused, once of each.
    fn say(&self, refusal: &Refusal) {
        let Some(offender) = refusal.offender() else { return };
        let mut said = self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if said.len() < SAID && said.insert(offender.to_owned()) {
            tracing::warn!("refused: {refusal}");
        }
    }
}

/// Lets a request in, or answers it.
pub async fn guard(State(guard): State<Arc<Guard>>, mut request: Request<Body>, next: Next) -> Response<Body> {
    let Admitted { origin, is_trusted } = match guard.admit(&request) {
        Ok(admitted) => admitted,
        Err(refusal) => {
            guard.say(&refusal);
            return refusal.response(&request.into_parts().0);
        }
    };
    if let Some(origin) = origin.as_ref().filter(|_| cors::is_preflight(&request)) {
        return origin.preflight(request.headers());
    }
    if is_trusted {
        request.extensions_mut().insert(Trusted);
    }
    let mut response = next.run(request).await;
    if let Some(origin) = origin {
        origin.mark(&mut response);
    }

    response
}

/// The host that a request is for. One of HTTP/1.0, as of simple health checks, may have none: browsers always say it.
fn host(request: &Request<Body>) -> Result<Option<&str>, Refusal> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let header = hosts.next().map(|host| host.to_str().map_err(|_| Refusal::NoHost)).transpose()?;
    if hosts.next().is_some() {
        return Err(Refusal::NoHost);
    }
    // As of a proxy's client; the header does not count then (RFC 9112, 3.2.2).
    if let Some(authority) = request.uri().authority() {
        return Ok(Some(authority.as_str()));
    }
    if header.is_none() && request.version() != Version::HTTP_10 {
        return Err(Refusal::NoHost);
    }

    Ok(header)
}

/// What actions begin with that change nothing. AWS's query protocol takes any by `GET`.
const READING: [&str; 6] = ["Get", "List", "Describe", "Simulate", "Assume", "Decode"];

/// The action of the query protocol that a request would do although it may come from nothing but a link: it is sent by
/// `GET`, without headers that a link cannot have, and browsers say where one comes from to hosts only that they trust.
/// That it has a signature says nothing, as those are not verified.
fn action_of_a_link(request: &Request<Body>) -> Option<String> {
    let query = request.uri().query()?;
    if !is_safe(request.method()) || request.headers().contains_key(AUTHORIZATION) {
        return None;
    }
    let (_, action) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "Action")?;
    (!READING.iter().any(|reading| action.starts_with(reading))).then(|| action.into_owned())
}

/// Whether an origin is the one of the server itself, under the name it was called by.
fn is_same(origin: &HeaderValue, host: &str) -> bool {
    let text = origin.to_str().unwrap_or_default();
    let own = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    own.is_some_and(|own| !own.is_empty() && own.eq_ignore_ascii_case(host))
}

/// Whether a browser sent it, as far as browsers say so.
fn is_of_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.keys().any(|name| name.as_str().starts_with("sec-fetch-"))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The token that a request has.
fn token(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text(TOKEN_HEADER).or_else(|| text(AUTHORIZATION.as_str())?.strip_prefix("Bearer ")).map(str::trim)
}

/// A part of a request for people: its sender chose its length.
fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTEN: &str = "127.0.0.1:4566";

    fn guard_of(origins: &[&str]) -> (Guard, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let origins: Vec<_> = origins.iter().map(|origin| origin.parse().expect("an origin")).collect();
        let users = LocalUsers::new(&[], &[]);
        let hosts = Hosts::new(&[LISTEN.parse().expect("an address")], []);
        (Guard::new(users, hosts, CorsOrigins::new(&origins), Token::open(folder.path()).expect("a token")), folder)
    }

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let own = LISTEN.parse().expect("an address");
        let other = LISTEN.parse().expect("an address");
        request.extension(Ends { own, other, caller: Caller::Local(0) }).body(Body::empty()).expect("a request")
    }

    #[test]
    fn programs_of_this_machine_come_in() {
        let (guard, _folder) = guard_of(&[]);
        let own = ("host", LISTEN);
        for request in [
            request("POST", "/2015-03-31/functions", &[own]),
            request("GET", "/_larder/state", &[own, ("sec-fetch-site", "none")]),
            request("POST", "/", &[own, ("origin", "http://127.0.0.1:4566"), ("sec-fetch-site", "same-origin")]),
            request("GET", "http://lambda.us-east-1.amazonaws.com/2015-03-31/functions", &[own]),
            request("POST", "/_larder/rewind", &[own, (REQUEST_HEADER, "1")]),
            request("POST", "/_localstack/state/reset", &[own]),
            request("GET", "/?Action=GetCallerIdentity&X-Amz-Signature=0", &[own]),
            request("GET", "/?Action=DeleteUser", &[own, ("authorization", "AWS4-HMAC-SHA256 Credential=a")]),
            request("POST", "/?Action=DeleteUser", &[own]),
        ] {
            assert!(guard.admit(&request).is_ok(), "{request:?}");
        }
    }

    #[test]
    fn web_pages_do_not() {
        let (guard, _folder) = guard_of(&[]);
        let own = ("host", LISTEN);
        for request in [
            request("GET", "/_larder/state", &[("host", "evil.example")]),
            request("GET", "http://evil.example/_larder/state", &[own]),
            request("GET", "/", &[own, own]),
            request("GET", "/", &[]),
            request("POST", "/", &[own, ("origin", "null")]),
            request("POST", "/", &[own, ("origin", "http://localhost:4566")]),
            request("POST", "/", &[own, ("origin", "http://127.0.0.1:4566"), ("origin", "http://evil.example")]),
            request("POST", "/", &[own, ("origin", "http://127.0.0.1:4566"), ("sec-fetch-site", "cross-site")]),
            request("GET", "/?Action=CreateUser", &[own, ("sec-fetch-site", "cross-site")]),
            request("GET", "/?Action=DeleteUser&UserName=x", &[("host", "localhost.localstack.cloud:4566")]),
            request("GET", "/?%41ction=DeleteUser&X-Amz-Signature=0&Action=DeleteUser", &[own]),
            request("GET", "/", &[own, ("sec-fetch-site", "same-site")]),
            request("GET", "/", &[("host", "s3.amazonaws.com"), ("sec-fetch-site", "same-origin")]),
            request("POST", "/_larder/rewind", &[own]),
            request("POST", "/_localstack/state/reset", &[own, ("sec-fetch-site", "none")]),
            request("POST", "/_localstack/state/reset", &[own, ("origin", "https://evil.example")]),
            request("DELETE", "/_larder/marks/x", &[own, ("authorization", "Bearer x")]),
        ] {
            assert!(guard.admit(&request).is_err(), "{request:?}");
        }
    }

    #[test]
    fn web_pages_call_functions_but_not_under_another_name() {
        let (guard, _folder) = guard_of(&["https://app.example"]);
        let page = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
        let of = |host, uri| request("POST", uri, &[("host", host), page[0], page[1]]);
        for request in [
            of("abc.lambda-url.us-east-1.localhost:4566", "/?Action=DeleteUser"),
            of("abc.lambda-url.us-east-1.localhost:4566", "/_larder/rewind"),
            of(LISTEN, "/_url/abc/x"),
        ] {
            let admitted = guard.admit(&request).expect("it may");
            assert!(admitted.origin.is_none() && !admitted.is_trusted);
        }

        for request in [
            of("abc.lambda-url.us-east-1.evil.example", "/"),
            of("abc.lambda-url.us-east-1.on.aws", "/"),
            of("evil.example", "/_url/abc/x"),
            of(LISTEN, "/_urls/abc/x"),
        ] {
            assert!(guard.admit(&request).is_err(), "{request:?}");
        }
    }

    #[test]
    fn pages_of_given_origins_come_in() {
        let (guard, _folder) = guard_of(&["https://app.example"]);
        let own = ("host", LISTEN);
        let page = |path, origin| request("POST", path, &[own, ("origin", origin), ("sec-fetch-site", "cross-site")]);
        assert!(guard.admit(&page("/", "https://app.example")).expect("in").origin.is_some());
        assert!(guard.admit(&page("/", "https://evil.example")).is_err());
        assert!(guard.admit(&request("GET", "/", &[own, ("sec-fetch-site", "cross-site")])).is_err(), "of no origin");
        assert!(guard.admit(&page("/_larder/rewind", "https://app.example")).is_err(), "without the header");
    }

    #[test]
    fn the_token_opens_larders_own_endpoints_only() {
        let (guard, folder) = guard_of(&[]);
        let token = std::fs::read_to_string(folder.path().join("token")).expect("a token");
        let with = |path, name, value: &str| {
            let request = request("POST", path, &[("host", LISTEN), (name, value)]);
            guard.admit(&request).is_ok_and(|admitted| admitted.is_trusted)
        };
        assert!(with("/_larder/pods/save", TOKEN_HEADER, &token));
        assert!(with("/_larder/pods/save", "authorization", &format!("Bearer {token}")));
        assert!(!with("/_larder/pods/save", TOKEN_HEADER, "0"));

        assert!(!with("/2015-03-31/functions", TOKEN_HEADER, &token));
    }

    #[test]
    fn the_log_says_it_once_of_each() {
        let (guard, _folder) = guard_of(&[]);
        for number in 0..SAID * 2 {
            guard.say(&Refusal::Host(format!("{number}.evil.example")));
        }
        assert_eq!(guard.said.lock().expect("not poisoned").len(), SAID);
    }
}
