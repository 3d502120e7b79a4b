# SPDX-License-Identifier: GPL-2.0
"""
A server that talks for a long time, on every address: talk_server.py NAME PORT. It
says its name first. Then the client's first line decides: after "stream" a line comes
every PAUSE_S, for ever; after "echo" every further line is given back.
"""

import asyncio
import resource
import sys

PAUSE_S = 0.5


async def stream(name, writer):
    while True:
        writer.write(f"{name}\n".encode() * 20)
        await writer.drain()
        await asyncio.sleep(PAUSE_S)


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()


async def serve(name, reader, writer):
    try:
        writer.write(f"{name}\n".encode())
        if await reader.readline() == b"stream\n":
            await stream(name, writer)
        else:
            await echo(reader, writer)
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main(name, port):
    server = await asyncio.start_server(
        lambda reader, writer: serve(name, reader, writer),
        ("0.0.0.0", "::"), port, backlog=1024, reuse_address=True,
    )  # fmt: skip
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
