"""OCPP-to-OCPI charge point gateway."""

__version__ = "0.1.0"
