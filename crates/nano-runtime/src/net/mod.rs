//! The network as apps may use it: which addresses, and a client for each app.

mod client;
mod egress;
mod integrity;
mod ports;

pub(crate) use client::{Client, Fetched, Outgoing, Payload, Redirect};
pub use egress::Egress;
pub(crate) use integrity::Integrity;
