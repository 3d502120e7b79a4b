# SPDX-License-Identifier: GPL-2.0
"""
    bad_server.py PORT KIND

A server that misbehaves in one way, to each connection:

    hang     accepts and says nothing
    drip     answers well, and one byte in 100 ms
    headers  an answer whose headers never end
    reset    resets the connection when the request is there
    close    closes it then
"""

import socket
import struct
import sys
import threading
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def drip(connection):
    for byte in ANSWER:
        connection.send(bytes([byte]))
        time.sleep(0.1)


def headers(connection):
    connection.send(ANSWER[:17])
    while True:
        connection.send(b"X-Filler: 0123456789\r\n" * 64)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


KINDS = {
    "hang": lambda connection: time.sleep(3600),
    "drip": drip,
    "headers": headers,
    "reset": reset,
    "close": lambda connection: None,
}


def serve(connection, kind):
    try:
        with connection:
            connection.recv(4096)
            KINDS[kind](connection)
    except OSError:
        pass  # the client has gone


def main():
    listener = socket.create_server(
        ("::", int(sys.argv[1])), family=socket.AF_INET6, backlog=128, dualstack_ipv6=True
    )
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, sys.argv[2]), daemon=True).start()


main()
