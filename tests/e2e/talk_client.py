# SPDX-License-Identifier: GPL-2.0
"""
Many connections to talk_server.py, held open: talk_client.py ECHO_EVERY_S. Reads
commands, one JSON list a line, and answers each with one line of JSON:

    ["open", [[source, address, port, kind], ...]]   kind: "stream" or "echo"; the names
                                                     of those who answered, in order
    ["close"]    says a last line on all echo connections, waits, and tells of each
                 connection what broke it (null: nothing did)

An echo connection is silent from its beginning to the end if ECHO_EVERY_S is 0, and
says something every so many seconds otherwise. A connection is broken when it ends,
when an answer does not come in ANSWER_S, and when somebody else answers.
"""

import asyncio
import json
import resource
import sys

ANSWER_S = 8
AT_ONCE = 50  # connections being opened


class Connection:
    def __init__(self, source, address, port, kind):
        self.where = (source, address, port)
        self.kind = kind
        self.home = self.broken = self.task = None
        self.ending = asyncio.Event()
        self.reader = self.writer = None

    async def open(self, every):
        source, address, port = self.where
        self.reader, self.writer = await asyncio.wait_for(
            asyncio.open_connection(address, port, local_addr=(source, 0)), ANSWER_S
        )
        self.writer.write(f"{self.kind}\n".encode())
        self.home = (await self._line()).decode().strip()
        self.task = asyncio.create_task(self._run(every))
        return self.home

    async def _line(self):
        line = await asyncio.wait_for(self.reader.readline(), ANSWER_S)
        if not line:
            raise ConnectionError("it ended")
        return line

    async def _run(self, every):
        try:
            await (self._stream() if self.kind == "stream" else self._echo(every))
        except asyncio.TimeoutError:
            self.broken = "no answer"
        except OSError as error:
            self.broken = str(error)
        self.writer.close()

    async def _stream(self):
        while not self.ending.is_set():
            await self._expect(self.home)

    async def _echo(self, every):
        while not self.ending.is_set():
            try:
                await asyncio.wait_for(self.ending.wait(), every or None)
            except asyncio.TimeoutError:
                pass
            self.writer.write(b"are you there\n")
            await self._expect("are you there")

    async def _expect(self, words):
        line = (await self._line()).decode().strip()
        if line != words:
            raise ConnectionError(f"{line!r} and not {words!r}")


async def open_all(connections, every):
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(connection):
        async with gate:
            return await connection.open(every)

    return await asyncio.gather(*map(one, connections))


async def close_all(connections):
    for connection in connections:
        connection.ending.set()
    await asyncio.gather(*(connection.task for connection in connections))
    return [connection.broken for connection in connections]


async def main(every):
    connections = []
    lines = asyncio.StreamReader(limit=1 << 22)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := await lines.readline():
        command, *args = json.loads(line)
        if command == "open":
            new = [Connection(*one) for one in args[0]]
            connections += new
            answer = await open_all(new, every)
        else:
            answer = await close_all(connections)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
    asyncio.run(main(float(sys.argv[1])))
