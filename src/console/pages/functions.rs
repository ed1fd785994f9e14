//! All functions, with a search.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Serialize;

use super::frame::{self, Form, Page, address, ended, function_page};
use crate::console::Console;
use crate::desk::functions::{self, FunctionList, FunctionsQuery};

/// States that a function can be in.
const STATES: [&str; 3] = ["Active", "Pending", "Failed"];

#[derive(Debug, Serialize)]
struct Functions {
    #[serde(flatten)]
    list: FunctionList,
    query: FunctionsQuery,
}

/// The page.
pub async fn page(
    State(console): State<Arc<Console>>,
    Query(form): Query<Form>,
    Query(query): Query<FunctionsQuery>,
) -> Response {
    let list = functions::list(&console.ledger.state(), &query);
    frame::respond(&Functions { list, query }, &form)
}

impl Page for Functions {
    fn title(&self) -> String {
        "Functions".to_owned()
    }

    fn section(&self) -> &'static str {
        "Functions"
    }

    fn content(&self) -> Markup {
        let Self { list, query } = self;
        html! {
            form role="search" {
                label { "Name" input type="search" name="q" value=(query.q.as_deref().unwrap_or_default()); }
                label { "Tag" input name="tag" placeholder="KEY:VALUE" value=(query.tag.as_deref().unwrap_or_default()); }
                label { "State"
                    select name="state" {
                        option value="" { "any" }
                        @for state in STATES {
                            option selected[query.state.as_deref() == Some(state)] { (state) }
                        }
                    }
                }
                button { "Search" }
            }
            @if list.functions.is_empty() {
                p.soft { "There is no function that is meant." }
            } @else {
                div.wide { table {
                    thead { tr {
                        th { "Name" } th { "Runtime" } th { "State" } th.number { "Memory" } th.number { "Timeout" }
                        th.number { "Versions" } th { "Changed" } th { "Account, region" }
                    } }
                    tbody { @for function in &list.functions { tr {
                        td { a href=(function_page(&function.arn)) { (function.name) } }
                        td { @if function.runtime.is_empty() { "image" } @else { (function.runtime) } }
                        td title=[function.reason.as_deref()] { (ended(function.state != "Failed", function.state)) }
                        td.number { (function.memory_mb) " MB" }
                        td.number { (function.timeout_s) " s" }
                        td.number { (function.versions) }
                        td { (function.modified) }
                        td { (function.account) ", " (function.region) }
                    } } }
                } }
            }
            @if let Some(next) = &list.next {
                p { a rel="next" href=(next_page(query, next)) { "More" } }
            }
        }
    }
}

fn next_page(query: &FunctionsQuery, next: &str) -> String {
    let FunctionsQuery { q, tag, state, .. } = query;
    let asked = [("q", q.as_deref()), ("tag", tag.as_deref()), ("state", state.as_deref()), ("after", Some(next))];
    address("/_larder/console/functions", &asked)
}
