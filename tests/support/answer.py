"""answer.py PORT... - answers "here" to whoever connects to one of these ports, on all addresses."""
import selectors
import socket
import sys

waiting = selectors.DefaultSelector()
for port in sys.argv[1:]:
    waiting.register(socket.create_server(("0.0.0.0", int(port))), selectors.EVENT_READ)
while True:
    for key, _ in waiting.select():
        with key.fileobj.accept()[0] as caller:
            caller.recv(100)
            caller.sendall(b"here")
