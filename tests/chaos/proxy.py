#!/usr/bin/env python3
"""A TCP proxy before a broker or a database that cuts and stalls connections when told to.

    proxy.py kafka|postgres LISTEN_PORT SERVER_PORT

Commands come as lines on stdin, each is answered with one line on stdout; stdin's end ends the proxy.

    stall SECONDS      nothing passes, new connections hang: the server cannot be reached
    cut                every connection is closed
    arm REQUEST before|after
                       the next request of that kind closes all connections: `before` the server has
                       seen it, or `after` it has and before its answer comes back. REQUEST is a number
                       of the Kafka protocol (26 EndTxn, 28 TxnOffsetCommit ..) or `commit`
    fired              how often an armed request came
"""

import asyncio
import sys
import time


class Proxy:
    def __init__(self, kind, server_port):
        self.kind, self.server_port = kind, server_port
        self.writers = set()
        self.armed = None  # (request, when)
        self.fired = 0
        self.stalled_until = 0.0

    async def client(self, reader, writer):
        await self.wait()
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, up_writer}
        pipes = [asyncio.ensure_future(self.pipe(reader, up_writer, Frames(self.kind))),
                 asyncio.ensure_future(self.pipe(up_reader, writer, None))]
        await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
        for one in (writer, up_writer):
            self.writers.discard(one)
            one.transport.abort()
        for pipe in pipes:
            pipe.cancel()
        await asyncio.gather(*pipes, return_exceptions=True)

    async def pipe(self, reader, writer, frames):
        try:
            while data := await reader.read(262144):
                await self.wait()
                hit = frames is not None and self.hits(frames.requests(data))
                if hit == "before":
                    return self.cut()
                writer.write(data)
                await writer.drain()
                if hit == "after":
                    # The server gets its moment to read; what it answers goes nowhere.
                    self.hold_answers(writer)
                    await asyncio.sleep(0.03)
                    return self.cut()
        except (ConnectionError, OSError):
            pass

    def hold_answers(self, _):
        self.stalled_until = max(self.stalled_until, time.monotonic() + 0.1)

    def hits(self, requests):
        """When to cut, if one of the requests is the armed one."""
        if self.armed is None or self.armed[0] not in requests:
            return None
        when, self.armed = self.armed[1], None
        self.fired += 1
        return when

    async def wait(self):
        while (left := self.stalled_until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.1))

    def cut(self):
        for writer in list(self.writers):
            writer.transport.abort()

    def obey(self, words):
        if words[0] == "stall":
            self.stalled_until = time.monotonic() + float(words[1])
        elif words[0] == "cut":
            self.cut()
        elif words[0] == "arm":
            self.armed = (words[1], words[2])
        return str(self.fired)


class Frames:
    """Finds the kinds of the requests in a stream of bytes."""

    def __init__(self, kind):
        self.kind, self.skip, self.head = kind, 0, b""

    def requests(self, data):
        if self.kind == "postgres":
            return {"commit"} if b"commit\0" in data.lower() else set()
        found, at = set(), 0
        while at < len(data):
            if self.skip:
                step = min(self.skip, len(data) - at)
                self.skip -= step
                at += step
                continue
            step = min(6 - len(self.head), len(data) - at)
            self.head += data[at:at + step]
            at += step
            if len(self.head) == 6:  # size, kind
                found.add(str(int.from_bytes(self.head[4:6], "big")))
                self.skip = int.from_bytes(self.head[:4], "big") - 2
                self.head = b""
        return found


async def main():
    kind, listen, server = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    proxy = Proxy(kind, server)
    await asyncio.start_server(proxy.client, "127.0.0.1", listen, limit=1 << 20)
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    print("ready", flush=True)
    while line := await stdin.readline():
        print(proxy.obey(line.decode().split()), flush=True)


asyncio.run(main())
