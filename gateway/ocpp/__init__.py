"""The edge to charging stations: OCPP-J over WebSocket."""
