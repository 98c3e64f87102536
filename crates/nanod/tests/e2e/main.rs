//! The real `nanod`, each test with processes of its own on free ports.

#![allow(clippy::unwrap_used, reason = "tests state their expectations by unwrapping")]

mod admin;
mod admin_apps;
mod admin_cli;
mod admin_persist;
mod client;
mod config;
mod connection;
mod drain;
mod egress;
mod examples;
mod faults;
mod http;
mod http2;
mod logs;
mod malformed;
mod metrics;
mod nanod;
mod reload;
mod routing;
mod sandbox;
mod shutdown;
mod smuggling;
mod soak;
mod systemd;
mod tail;
mod tls;
