//! The real `nanod`, each test with processes of its own on free ports.

mod admin;
mod client;
mod config;
mod examples;
mod faults;
mod http;
mod http2;
mod logs;
mod malformed;
mod nanod;
mod routing;
mod shutdown;
mod smuggling;
