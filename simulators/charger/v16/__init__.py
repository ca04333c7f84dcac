"""OCPP 1.6."""

from .messages import Dialect16

__all__ = ["Dialect16"]
