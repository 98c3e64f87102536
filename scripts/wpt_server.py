#!/usr/bin/env python3
"""Serves a folder of web-platform-tests with wptserve, the project's own server, on free ports of this machine.

    scripts/wpt_server.py DIR

The tests' harness starts it, with the Python of DIR/.venv. It prints one line when it is ready, its ports as JSON, and
ends when its standard input does, so that it never outlives whoever started it.
"""

import json
import logging
import secrets
import socket
import sys
import threading

from wptserve import stash
from wptserve.config import Config, ConfigBuilder
from wptserve.request import Server
from wptserve.server import Http1WebTestRequestHandler, WebTestHttpd

# The tests ask for other hosts by these names; on this machine there are two names for one host.
HOST = "localhost"
OTHER_HOST = "127.0.0.1"
SUBDOMAINS = ["www", "www1", "www2", "élève", "天気の良い日"]
# RFC 6761, 6.4: no name below it is ever resolved.
NONEXISTENT_HOST = "nonexistent.invalid"


def reserve():
    """A port that refuses connections, as long as its socket lives."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held, held.getsockname()[1]


def start_stash():
    """What handlers leave for later requests; they look for its address in the environment."""
    key = secrets.token_bytes(16)
    server = stash.StashManager(("127.0.0.1", 0), key).get_server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stash.store_env_config(server.address, key)


def configuration(root, ports):
    """What `{{host}}`, `{{ports[http][0]}}` and the like stand for."""
    names = {"": OTHER_HOST, "nonexistent": NONEXISTENT_HOST, **dict.fromkeys(SUBDOMAINS, OTHER_HOST)}
    domains = {"": {**names, "": HOST}, "alt": names}
    with ConfigBuilder(logging.getLogger(), browser_host=HOST, doc_root=root) as built:
        data = dict(built.__dict__)
    data.update(ports=ports, domains=domains, all_domains=domains, subdomains=set(SUBDOMAINS))
    return Config(data)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = sys.argv[1]
    logging.getLogger().addHandler(logging.NullHandler())
    start_stash()
    # Heads and bodies are written apart, and each would wait for the other's acknowledgement.
    Http1WebTestRequestHandler.disable_nagle_algorithm = True
    # Two origins of HTTP; nothing answers on the ports of the other protocols.
    servers = [WebTestHttpd(host="127.0.0.1", port=0, doc_root=root) for _ in range(2)]
    held = [reserve() for _ in range(2)]
    http = [server.port for server in servers]
    unserved = [port for _, port in held]
    ports = {"http": http, **dict.fromkeys(["https", "ws", "wss", "h2", "http-local", "http-public"], unserved)}
    # wptserve keeps one for all servers of the process.
    Server.config = configuration(root, ports)
    for server in servers:
        server.start()
    print(json.dumps({"http": http, "unserved": unserved}), flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
