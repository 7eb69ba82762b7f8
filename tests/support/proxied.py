"""proxied.py - asks the proxy that HTTPS_PROXY names, and says what it answers: one line each.

    connect NAME PORT [TLS-NAME]   "NAME:PORT CODE [what the server behind it says]"
    get URL                        "URL CODE [what the server says]"
    raw TEXT                       "raw CODE"
"""
import os
import socket
import ssl
import sys
import urllib.parse

proxy = urllib.parse.urlparse(os.environ["HTTPS_PROXY"])


def dial():
    s = socket.create_connection((proxy.hostname, proxy.port), 20)
    s.settimeout(20)
    return s


def code_of(answer):
    return answer.split(b" ", 2)[1].decode() if answer.startswith(b"HTTP/") else "cut"


def all_of(s):
    data = b""
    try:
        while more := s.recv(4096):
            data += more
    except OSError:
        pass
    return data


def last_line(answer):
    return answer.rstrip().rsplit(b"\n", 1)[-1].decode("latin-1") if answer else "cut"


def connect(name, port, tls_name=None):
    with dial() as s:
        s.sendall(f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode())
        code = code_of(s.recv(4096))
        if code != "200":
            return code
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with context.wrap_socket(s, server_hostname=tls_name or name) as t:
                t.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return "200 " + last_line(all_of(t))
        except OSError:
            return "200 cut"


def get(url):
    with dial() as s:
        s.sendall(f"GET {url} HTTP/1.0\r\n\r\n".encode())
        answer = all_of(s)
        code = code_of(answer)
        return f"{code} {last_line(answer)}" if code == "200" else code


def raw(text):
    with dial() as s:
        s.sendall(text.encode("latin-1").decode("unicode_escape").encode("latin-1"))
        s.shutdown(socket.SHUT_WR)
        return code_of(all_of(s))


for line in sys.stdin:
    verb, *words = line.split()
    said = {"connect": connect, "get": get, "raw": raw}[verb](*words)
    print("raw" if verb == "raw" else ":".join(words[:2]) if verb == "connect" else words[0], said,
          flush=True)
