"""What holds for all tests: no property is held to the speed of the machine, no connection is left to a later test."""

from hypothesis import HealthCheck, settings

from tests.late_connections import close_late_connections

settings.register_profile(
    "untimed",
    parent=settings(),
    deadline=None,
    suppress_health_check=[*settings().suppress_health_check, HealthCheck.too_slow],
)
settings.load_profile("untimed")
close_late_connections()
