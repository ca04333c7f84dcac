"""`simulator demo`: the whole story on one machine, from an eMSP's order and a card to the CDRs that it was given."""

from simulators.demo.cli import add_parser
from simulators.demo.site import LOCATION, TARIFF, location, render_config, tariff

__all__ = ["LOCATION", "TARIFF", "add_parser", "location", "render_config", "tariff"]
