"""OCPP-to-OCPI charge point gateway.

Where to look: `domain` the nouns, `core` the rules, `flows` the stories, `ocpp` the edge to stations (an action is a
line in
a version's `HANDLERS`, a version is a folder), `ocpi` the edge to partners (a module is a file in `handlers` and in
each
version's folder), `store` the database, `console` the operator's API, `app` the wiring.  docs/architecture.md has the
whole.
"""

__version__ = "0.1.0"
