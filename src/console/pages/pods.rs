//! The state as a file, and files as the state; what the library has.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Serialize;

use super::frame::{self, Form, Page};
use crate::console::{Console, pods};
use crate::desk::pods::PodsError;
use crate::pods::library;

#[derive(Debug, Serialize)]
struct Pods {
    /// Pods of the library, each with its versions.
    pods: Vec<(String, Vec<u64>)>,
}

/// The page.
pub async fn page(State(console): State<Arc<Console>>, Query(form): Query<Form>) -> Response {
    let list = move || {
        let found = library::list(&library::folder(console.pods_dir.as_deref())?)?;
        Ok::<_, PodsError>(Pods { pods: found.into_iter().collect() })
    };
    match tokio::task::spawn_blocking(list).await {
        Ok(Ok(page)) => frame::respond(&page, &form),
        Ok(Err(error)) => pods::refuse(&error),
        Err(error) => crate::console::unavailable(&error),
    }
}

impl Page for Pods {
    fn title(&self) -> String {
        "Pods".to_owned()
    }

    fn section(&self) -> &'static str {
        "Pods"
    }

    fn content(&self) -> Markup {
        html! {
            h2 { "Save" }
            form data-save="" {
                label { "Only" input name="only" placeholder="function:orders*"; }
                button { "Save as a file" }
            }
            p.soft { "Values of variables are left out: larder pod save has them." }
            h2 { "Load" }
            p.soft { "Choose a file, or drop one here." }
            form data-load="" {
                label { "A pod" input type="file" name="pod" accept=".pod"; }
                label { "How it meets what is here"
                    select name="merge" {
                        option { "account-region" } option { "overwrite" } option { "service" } option { "resource" }
                    }
                }
                button data-try="" { "See what would change" } " "
                button.plain data-do="" disabled { "Load it" }
            }
            div id="result" aria-live="polite" { p {} pre.answer {} }
            p.soft { "Nothing of a pod runs before you invoke it, and a load is a change that can be rewound." }
            h2 { "The library" }
            @if self.pods.is_empty() { p.soft { "It has none. larder pod save NAME puts one there." } }
            ul { @for (name, versions) in &self.pods {
                li { (name) ", " (versions.len()) " versions" }
            } }
        }
    }
}
