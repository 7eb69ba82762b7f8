"""servers.py - the other side of a network test: what answers at an address of the test's own.

servers.py KIND ADDRESS PORT [ARGUMENT...] ...   separated by "--"

    http   answers every request with ARGUMENT (a name), which tells who was reached
    tls    the same behind TLS, with a certificate for any name
    dns    an A record for each NAME=ADDRESS given ("*" for all others), else no such name
    hello  sends ARGUMENT to whoever has said something

Prints "ready" when all of them listen.
"""
import http.server
import os
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import threading


class WebServer(http.server.ThreadingHTTPServer):
    def __init__(self, address, handler):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def handle_error(self, *_):  # a client that has heard enough
        pass

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # without asking how the address is called
        self.server_name, self.server_port = self.server_address[:2]


def http_server(address, port, name):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = (name + "\n").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return WebServer((address, port), Answer)


def tls_server(address, port, name):
    server = http_server(address, port, name)
    with tempfile.TemporaryDirectory() as work:
        pem = os.path.join(work, "pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-subj", "/CN=test", "-keyout", pem, "-out", os.path.join(work, "crt")],
            check=True, stderr=subprocess.DEVNULL)
        with open(os.path.join(work, "crt")) as crt, open(pem, "a") as both:
            both.write(crt.read())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    return server


def hello_server(address, port, name):
    class Hello(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(512)  # or its end would cut the answer off
            self.request.sendall((name + "\n").encode())

    return socketserver.ThreadingTCPServer((address, port), Hello)


def answer(query, records):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    name = ".".join(labels).lower()
    kind = struct.unpack(">H", query[at + 1:at + 3])[0]
    question = query[12:at + 5]
    address = records.get(name, records.get("*"))
    code = 0 if address else 3
    count = 1 if address and kind == 1 else 0
    reply = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, count, 0, 0) + question
    if count:
        reply += struct.pack(">HHHIH", 0xC00C, 1, 1, 5, 4) + socket.inet_aton(address)
    return reply


class dns_server:
    """On UDP, and on TCP, where only the fact that it answers matters."""

    def __init__(self, address, port, *records):
        self.records = dict(r.split("=") for r in records)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, port))
        self.tcp = hello_server(address, port, "dns")

    def serve_forever(self):
        threading.Thread(target=self.tcp.serve_forever, daemon=True).start()
        while True:
            query, peer = self.udp.recvfrom(4096)
            try:
                self.udp.sendto(answer(query, self.records), peer)
            except (IndexError, struct.error, OSError):
                pass


def main(words):
    kinds = {"http": http_server, "tls": tls_server, "dns": dns_server, "hello": hello_server}
    threads = []
    while words:
        end = words.index("--") if "--" in words else len(words)
        kind, address, port, *rest = words[:end]
        words = words[end + 1:]
        server = kinds[kind](address, int(port), *rest)
        threads.append(threading.Thread(target=server.serve_forever))
    for thread in threads:
        thread.start()
    print("ready", flush=True)


main(sys.argv[1:])
