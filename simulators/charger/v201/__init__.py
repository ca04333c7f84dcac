"""OCPP 2.0.1."""

from .messages import Dialect201

__all__ = ["Dialect201"]
