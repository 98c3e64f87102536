//! The network as apps may use it: which addresses, and a client for each app.

mod client;
mod coding;
mod decoded;
mod egress;
mod failed;
mod integrity;
mod ports;
mod roots;
mod sockets;
mod wire;

pub(crate) use client::{Client, Fetched, Outgoing, Payload, Redirect};
pub(crate) use coding::Codings;
pub(crate) use decoded::decoded;
pub use egress::Egress;
pub(crate) use failed::Failed;
pub(crate) use integrity::Integrity;
pub use roots::Roots;
pub use sockets::Sockets;
