"""Property tests are held to their properties, not to the speed of the machine."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "untimed",
    parent=settings(),
    deadline=None,
    suppress_health_check=[*settings().suppress_health_check, HealthCheck.too_slow],
)
settings.load_profile("untimed")
