//! Invocations whose response is taken part by part, as the function makes it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::{InvokeRequest, Invoked, Invoker};
use crate::environments::StreamPart;
use crate::model::error::ApiError;
use crate::model::qualifier::Version;

/// Parts of a streamed response that wait for its caller.
const PARTS: usize = 4;

/// What comes of an invocation next.
#[derive(Debug)]
pub enum Next {
    /// A part of its response.
    Part(StreamPart),
    /// Its end, after all its parts. A function that does not stream has its whole response here.
    End(Result<Invoked, ApiError>),
}

/// A running invocation, whose parts are taken as they come. It goes on when this is dropped.
pub struct Streaming {
    /// The version that runs.
    pub version: Version,
    /// The trace header that the function got.
    pub trace: String,
    parts: mpsc::Receiver<StreamPart>,
    /// `None` when it has ended.
    running: Option<BoxFuture<'static, Result<Invoked, ApiError>>>,
    /// How it ended, until that is told.
    ended: Option<Result<Invoked, ApiError>>,
}

impl Invoker {
    /// Runs a function whose response is to be streamed.
    ///
    /// # Errors
    /// The function cannot be run.
    pub async fn stream(self: &Arc<Self>, request: InvokeRequest) -> Result<Streaming, ApiError> {
        let (sender, parts) = mpsc::channel(PARTS);
        let prepared = self.prepare(request, Some(sender)).await?;
        let version = prepared.version();
        let trace = prepared.trace();
        let invoker = Arc::clone(self);
        let running = Box::pin(async move { invoker.run(prepared).await });

        Ok(Streaming { version, trace, parts, running: Some(running), ended: None })
    }
}

impl Streaming {
    /// What comes next; `None` after the end.
    pub async fn next(&mut self) -> Option<Next> {
        if let Some(running) = &mut self.running {
            // The invocation must be driven, and ends after its last part was sent.
            let ended = tokio::select! {
                biased;
                Some(part) = self.parts.recv() => return Some(Next::Part(part)),
                ended = running => ended,
            };
            self.running = None;
            self.ended = Some(ended);
        }

        // It may have streamed faster than could be seen.
        match self.parts.try_recv() {
            Ok(part) => Some(Next::Part(part)),
            Err(_) => self.ended.take().map(Next::End),
        }
    }
}
