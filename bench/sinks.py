"""Routers that only listen: many sessions in one process of their own, counting what arrives.

`python bench/sinks.py PORT` accepts any number of sessions on every loopback address and answers
OPEN and KEEPALIVE. A line on standard input asks for the counts since the last line: octets,
UPDATEs, End-of-RIB markers and the monotonic times of the last of each; on Linux all processes
share that clock.
"""

import asyncio
import json
import struct
import sys
import time
from typing import ClassVar

MARKER = b"\xff" * 16
KEEPALIVE = MARKER + struct.pack("!HB", 19, 4)
LONGEST_END_OF_RIB = 30
"""An UPDATE that withdraws nothing and names at most a family (RFC 4724 2); others are longer."""


def greeting(asn: int, router_id: int) -> bytes:
    capabilities = b"".join(
        bytes((1, 4)) + struct.pack("!HBB", afi, 0, safi)
        for afi, safi in ((1, 133), (2, 133), (1, 1), (2, 1))
    )
    capabilities += bytes((65, 4)) + struct.pack("!I", asn) + bytes((2, 0))
    body = struct.pack("!BHHIB", 4, asn, 0, router_id, len(capabilities) + 2)
    body += bytes((2, len(capabilities))) + capabilities
    return MARKER + struct.pack("!HB", 19 + len(body), 1) + body


class Sink(asyncio.Protocol):
    octets = 0
    updates = 0
    last_at = 0.0
    sessions = 0
    ends = 0
    last_end_at = 0.0
    arrivals: ClassVar[list[float]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = bytearray()
        Sink.sessions += 1
        transport.write(greeting(65000, 0x0B000000 + Sink.sessions) + KEEPALIVE)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        start = 0
        while len(self.buffer) - start >= 19:
            length, kind = struct.unpack_from("!HB", self.buffer, start + 16)
            if len(self.buffer) - start < length:
                break
            if kind == 2:
                Sink.updates += 1
                Sink.octets += length
                Sink.last_at = time.monotonic()
                Sink.arrivals.append(Sink.last_at)
                if length <= LONGEST_END_OF_RIB:
                    Sink.ends += 1
                    Sink.last_end_at = Sink.last_at
            start += length
        del self.buffer[:start]


async def main(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "0.0.0.0", port)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print("ready", flush=True)
    while await reader.readline():
        answer = {
            "octets": Sink.octets,
            "updates": Sink.updates,
            "last_at": Sink.last_at,
            "ends": Sink.ends,
            "last_end_at": Sink.last_end_at,
            "arrivals": Sink.arrivals if len(Sink.arrivals) <= 200 else [],
        }
        print(json.dumps(answer), flush=True)
        Sink.octets = Sink.updates = Sink.ends = 0
        Sink.arrivals = []
    server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
