//! What all pages have: their head, the way to others, and what a browser is told of them.

use axum::Json;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};
use percent_encoding::utf8_percent_encode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{SCRIPT, STYLE};
use crate::protocol::sigv4::verification::RESERVED;

/// Pages load nothing but what is here, and nobody frames them: a click on a page of another site does nothing here.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Sections of the console, and where they are.
const SECTIONS: [(&str, &str); 7] = [
    ("Overview", "/_larder/"),
    ("Functions", "/_larder/console/functions"),
    ("Invocations", "/_larder/console/invocations"),
    ("Events", "/_larder/console/events"),
    ("Logs", "/_larder/console/logs"),
    ("History", "/_larder/console/history"),
    ("Pods", "/_larder/console/pods"),
];

/// In which form a page is wanted.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Form {
    /// `json`, or nothing.
    pub format: Option<String>,
}

/// A page of the console.
pub trait Page: Serialize {
    /// What it is about.
    fn title(&self) -> String;
    /// The section that it is in.
    fn section(&self) -> &'static str;
    /// What it shows.
    fn content(&self) -> Markup;
}

/// A page as it is wanted.
pub fn respond(page: &impl Page, form: &Form) -> Response {
    if form.format.as_deref() == Some("json") {
        return Json(page).into_response();
    }
    let mut response = document(&page.title(), page.section(), &page.content()).into_string().into_response();
    let headers = response.headers_mut();
    let told: [(HeaderName, &str); 4] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in told {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// What is said where there is no such page, or it cannot be had.
pub fn refuse(status: StatusCode, what: &str, form: &Form) -> Response {
    #[derive(Serialize)]
    struct Refused<'a> {
        error: &'a str,
    }
    impl Page for Refused<'_> {
        fn title(&self) -> String {
            "Not here".to_owned()
        }
        fn section(&self) -> &'static str {
            ""
        }
        fn content(&self) -> Markup {
            html! { p { (self.error) } }
        }
    }
    if form.format.as_deref() == Some("json") {
        return (status, Json(json!({ "error": what }))).into_response();
    }
    let mut response = respond(&Refused { error: what }, form);
    *response.status_mut() = status;
    response
}

fn document(title: &str, section: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – Larder" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(STYLE);
                script src=(SCRIPT) defer {}
            }
            body {
                a.skip href="#content" { "To the content" }
                header {
                    strong { "Larder" }
                    nav aria-label="Sections" {
                        ul {
                            @for (name, address) in SECTIONS {
                                li { a href=(address) aria-current=[(name == section).then_some("page")] { (name) } }
                            }
                        }
                    }
                }
                main id="content" {
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}

/// How an invocation ended, with its colour.
pub fn ended(well: bool, text: &str) -> Markup {
    html! { span class=(if well { "good" } else { "bad" }) { (text) } }
}

/// A text as a part of a path.
pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A page's address with what is asked of it; what is not given is left out.
pub fn address(path: &str, asked: &[(&str, Option<&str>)]) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for (name, value) in asked {
        if let Some(value) = value {
            pairs.append_pair(name, value);
        }
    }
    format!("{path}?{}", pairs.finish())
}

/// Where the page of a function is.
pub fn function_page(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    match parts[..] {
        [_, _, _, region, account, _, name] => {
            let name = name.split(':').next().unwrap_or(name);
            format!("/_larder/console/functions/{}/{}/{}", escaped(account), escaped(region), escaped(name))
        }
        _ => "/_larder/console/functions".to_owned(),
    }
}
