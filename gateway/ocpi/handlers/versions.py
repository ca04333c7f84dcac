"""Versions and their endpoints (OCPI 2.2.1 version_information_endpoint 6)."""

from gateway.domain.partners import Endpoint
from gateway.flows.views import may_use
from gateway.ocpi import versions, wire
from gateway.ocpi.envelope import Reply
from gateway.ocpi.exchange import Exchange, details_path, module_path


async def list_versions(exchange: Exchange) -> Reply:
    return Reply(
        data=wire.dump_json(
            [{"version": number, "url": exchange.edge.url(details_path(number))} for number in versions.VERSIONS]
        )
    )


async def get_details(exchange: Exchange) -> Reply:
    number = exchange.version.number
    endpoints = [
        exchange.version.render_endpoint(
            Endpoint(identifier=module, role=role, url=exchange.edge.url(module_path(number, module)))
        )
        for module, role in exchange.version.modules
        if may_use(exchange.partner, module)
    ]
    return Reply(data=wire.dump_json({"version": number, "endpoints": endpoints}))
