"""An OCPI page from stored JSON by way of pydantic models; no database, no authentication, no paging."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web
from pydantic import TypeAdapter

from benchmarks.reference.models import Cdr, Location

_MODELS: dict[str, TypeAdapter[Any]] = {
    "cdrs": TypeAdapter(list[Cdr]),
    "locations": TypeAdapter(list[Location]),
}


def read_pages(folder: Path) -> dict[str, bytes]:
    return {name: (folder / f"{name}.json").read_bytes() for name in _MODELS}


def add_page(app: web.Application, name: str, stored: bytes) -> None:
    objects = _MODELS[name]

    async def answer(_: web.Request) -> web.Response:
        data = objects.dump_json(objects.validate_json(stored), exclude_none=True)
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        body = b'{"data":' + data + b',"status_code":1000,"timestamp":"' + at + b'"}'
        return web.Response(body=body, content_type="application/json")

    app.router.add_get(f"/{name}", answer)


async def main(pages: dict[str, bytes]) -> None:
    app = web.Application()
    for name, stored in pages.items():
        add_page(app, name, stored)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"listening on {runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="holds cdrs.json and locations.json, a JSON list each")
    uvloop.run(main(read_pages(parser.parse_args().folder)))
