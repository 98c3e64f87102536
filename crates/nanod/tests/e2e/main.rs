//! The real `nanod`, each test with processes of its own on free ports.

mod client;
mod faults;
mod malformed;
mod nanod;
mod routing;
mod smuggling;
