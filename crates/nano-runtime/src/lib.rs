//! NANO's engine: V8 isolates as actors, the web APIs inside them, and the limits around them.
//!
//! The crate turns an app's folder ([`AppSpec`]) into a [`Worker`], which answers [`Request`]s. V8's types do not
//! leave it: what crosses is plain data and `http` types. Every `unsafe` block is in the module `engine`.

#![deny(unsafe_code)]

mod api;
mod bootstrap;
#[allow(unsafe_code, reason = "the one place for it")]
mod engine;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
mod net;
mod sources;
mod worker;

pub use engine::{Engine, EngineError, EngineOptions, Moment, WASM_MEMORY_MB, handed_over_turns};
pub use net::{Egress, Roots, Sockets};
pub use sources::{Digest, Sources};
pub use worker::{
    AppSpec, Begun, BodyError, Counters, Drained, Failure, Fault, HeaderList, Histogram, IncomingBody,
    LastError, Limits, Pending, Reply, ReplyBody, Request, Residents, StreamBody, Worker, WorkerState,
    WorkerStats, XRequestId,
};
