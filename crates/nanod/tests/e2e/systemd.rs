//! What a service manager hears of the process and gives it. The tests are the manager; the sandbox is on.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::UnixDatagram;

use serde_json::json;

use crate::client::Conn;
use crate::nanod::{DEADLINE, Nanod, Site};

const HELLO: &str = "export default { fetch: () => new Response('hello') };";

fn site() -> Site {
    Site::new().app("app", HELLO)
}

/// The manager's end.
struct Manager {
    socket: UnixDatagram,
    address: String,
}

impl Manager {
    /// At a path, or, by a name that begins with `@`, at none.
    fn at(address: String) -> Self {
        let socket = match address.strip_prefix('@') {
            Some(name) => {
                let name = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
                UnixDatagram::bind_addr(&name).unwrap()
            }
            None => UnixDatagram::bind(&address).unwrap(),
        };
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, address }
    }

    fn hears(&self) -> String {
        let mut message = [0; 1024];
        let bytes = self.socket.recv(&mut message).unwrap();
        String::from_utf8(message[..bytes].to_vec()).unwrap()
    }
}

fn managers() -> Vec<(Site, Manager)> {
    let (by_path, by_name) = (site(), site());
    let path = by_path.path().join("notify.socket").to_str().unwrap().to_owned();
    let name = format!("@nano-test-{}-{}", std::process::id(), by_name.path().display());
    vec![(by_path, Manager::at(path)), (by_name, Manager::at(name))]
}

#[test]
fn the_manager_hears_of_the_begin_and_the_end() {
    for (site, manager) in managers() {
        let site = site.env("NOTIFY_SOCKET", &manager.address).top(json!({ "drain_timeout_ms": 7000 }));
        let mut nanod = site.serve();
        assert_eq!(manager.hears(), "READY=1");
        assert_eq!(nanod.get("app.test", "/").text(), "hello");
        nanod.signal("TERM");
        assert_eq!(manager.hears(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=12000000");
        assert_eq!(nanod.exit().code(), Some(0));
    }
}

#[test]
fn the_manager_hears_of_a_reload() {
    for (site, manager) in managers() {
        let nanod = site.env("NOTIFY_SOCKET", &manager.address).serve();
        assert_eq!(manager.hears(), "READY=1");
        nanod.signal("HUP");
        assert!(manager.hears().starts_with("RELOADING=1\nMONOTONIC_USEC="));
        assert_eq!(manager.hears(), "READY=1");
        assert_eq!(nanod.get("app.test", "/").text(), "hello");
    }
}

#[test]
fn the_manager_hears_that_the_process_is_well() {
    for (site, manager) in managers() {
        let site = site.env("NOTIFY_SOCKET", &manager.address).env("WATCHDOG_USEC", "20000");
        let _nanod = site.serve();
        assert_eq!(manager.hears(), "READY=1");
        for _ in 0..5 {
            assert_eq!(manager.hears(), "WATCHDOG=1");
        }
    }
}

/// The watchdog of another process, or none.
#[test]
fn nobody_hears_what_nobody_asked_for() {
    for variables in
        [[("WATCHDOG_USEC", "10000"), ("WATCHDOG_PID", "1")], [("WATCHDOG_USEC", "0"), ("X", "")]]
    {
        let (mut site, manager) = managers().remove(0);
        for (name, value) in variables {
            site = site.env(name, value);
        }
        let mut nanod = site.env("NOTIFY_SOCKET", &manager.address).serve();
        assert_eq!(manager.hears(), "READY=1");
        assert_eq!(nanod.get("app.test", "/").text(), "hello");
        nanod.signal("TERM");
        nanod.exit();
        assert!(manager.hears().starts_with("STOPPING=1"), "{variables:?}");
    }
}

#[test]
fn a_manager_that_is_not_there_is_told_of_in_the_log() {
    let nanod = site().env("NOTIFY_SOCKET", "/nowhere/notify").serve();
    let line = nanod.log_message("the service manager of NOTIFY_SOCKET cannot be reached");
    assert_eq!((&line["level"], &line["address"]), (&json!("warn"), &json!("/nowhere/notify")));
    assert_eq!(nanod.get("app.test", "/").text(), "hello");
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Connections that come while nobody accepts wait in the manager's listener.
#[test]
fn a_listener_of_the_manager_is_taken() {
    let (listener, address) = listener();
    let managers_own = listener.try_clone().unwrap();
    let serve = |listener| site().top(json!({ "listen": address.to_string() })).listener(listener).serve();
    let mut early = Conn::open(address);
    early.request("GET", "app.test", "/", &[], b"");
    let mut nanod = serve(listener);
    assert_eq!(nanod.address, address);
    assert_eq!(early.response().text(), "hello");
    nanod.signal("TERM");
    assert_eq!(nanod.exit().code(), Some(0));
    let mut between = Conn::open(address);
    between.request("GET", "app.test", "/", &[], b"");
    let next: Nanod = serve(managers_own);
    assert_eq!(between.response().text(), "hello");
    assert_eq!(next.get("app.test", "/").text(), "hello");
}

#[test]
fn the_admin_api_takes_its_listener() {
    let (listener, address) = listener();
    let nanod = site().top(json!({ "admin": { "listen": address.to_string() } })).listener(listener).serve();
    assert_eq!(nanod.admin, address);
    assert_eq!(nanod.admin("/ready").status(), 200);
}

#[test]
fn a_listener_without_a_place_in_the_configuration_is_an_error() {
    let (listener, address) = listener();
    let error = site().listener(listener).try_serve().err().unwrap();
    let expected =
        format!("the service manager opened {address}, where the configuration listens on nothing");
    assert!(error.contains(&expected), "{error}");
}

#[test]
fn what_is_no_listener_is_an_error() {
    let (listener, address) = listener();
    let connection = std::net::TcpStream::connect(address).unwrap();
    drop(listener);
    let error = site().listener(std::os::fd::OwnedFd::from(connection).into()).try_serve().err().unwrap();
    assert!(error.contains("the service manager's socket 0 () is no TCP listener"), "{error}");
}
