"""reach.py - what can be reached from here: one line for each target, "TARGET open|closed".

    tcp:ADDRESS:PORT    a connection is made, and something comes back (a web server is asked)
    udp:ADDRESS:PORT    a name server answers
    name:NAME           the name is resolved, by whatever this machine asks

Closed is what is refused, and what nobody answers within two seconds.
"""
import socket
import sys

QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04test\x00\x00\x01\x00\x01"


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def tcp(address, port):
    with socket.socket(family(address), socket.SOCK_STREAM) as s:
        s.settimeout(2)
        s.connect((address, port))
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return bool(s.recv(100))


def udp(address, port):
    with socket.socket(family(address), socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.sendto(QUERY, (address, port))
        return bool(s.recv(512))


def name(text):
    return bool(socket.getaddrinfo(text, 80, socket.AF_INET))


def is_open(target):
    kind, _, rest = target.partition(":")
    if kind == "name":
        return name(rest)
    address, _, port = rest.rpartition(":")
    return {"tcp": tcp, "udp": udp}[kind](address.strip("[]"), int(port))


for target in sys.argv[1:]:
    try:
        state = "open" if is_open(target) else "closed"
    except OSError:
        state = "closed"
    print(target, state, flush=True)
