"""forward.py ADDRESS PORT NETWORK-FD HOST... - a proxy that leads out of the test's network to these
hosts, and nowhere else: asked here, it connects from the network namespace that the descriptor is.

Says "ready" when it answers.
"""
import ctypes
import os
import socket
import sys
import threading
import urllib.parse

hosts = sys.argv[4:]


def dial(host, port):
    if host not in hosts or port not in (80, 443):
        raise OSError("not for you")
    return socket.create_connection((host, port), 60)


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def read_head(caller):
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 65536:
        more = caller.recv(1)
        if not more:
            raise OSError("gone")
        head += more
    return head


def serve(caller):
    try:
        head = read_head(caller)
        line, rest = head.split(b"\r\n", 1)
        method, target, _ = line.decode("latin-1").split(" ")
        if method == "CONNECT":
            host, port = target.rsplit(":", 1)
            server = dial(host, int(port))
            caller.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        else:  # one request for each connection
            url = urllib.parse.urlsplit(target)
            server = dial(url.hostname, url.port or 80)
            path = url.path + ("?" + url.query if url.query else "")
            fields = [f for f in rest.split(b"\r\n") if not f.lower().startswith((b"proxy-", b"connection"))]
            server.sendall(f"{method} {path} HTTP/1.1\r\nConnection: close\r\n".encode() + b"\r\n".join(fields))
        threading.Thread(target=copy, args=(caller, server), daemon=True).start()
        copy(server, caller)
    except (OSError, ValueError):
        pass
    finally:
        caller.close()


listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
if ctypes.CDLL(None, use_errno=True).setns(int(sys.argv[3]), 0) != 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
