from datetime import timedelta
from pathlib import Path

import pytest

from gateway.config import Address, PartySettings, Settings, env_names, load_settings, parse_listen
from gateway.core.reservation_limits import ReservationLimits
from gateway.domain.retention import Kept
from gateway.errors import SettingsError
from gateway.wiring import reservation_limits_of, retention_rules_of

FULL = """
data_dir = "/var/lib/gateway"
[ocpp]
listen = "[::1]:9000"
unknown_stations = "refuse"
[ocpi]
public_url = "https://ocpi.example.com/"
[[ocpi.parties]]
country_code = "de"
party_id = "abc"
name = "Example"
[store]
synchronous = "normal"
[log]
level = "DEBUG"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_every_key_has_its_default() -> None:
    settings = load_settings(None, {})

    assert settings == Settings()
    assert settings.ocpp.address == Address("0.0.0.0", 9000)
    assert settings.console.address == Address("127.0.0.1", 9002)
    assert settings.store_url == "sqlite:///data/gateway.sqlite3"


def test_a_station_may_be_away_for_five_minutes_and_for_twenty_after_a_restart() -> None:
    ocpp = Settings().ocpp

    assert (ocpp.offline_grace_s, ocpp.restart_grace_s) == (300, 1200)


def test_a_file_is_read_and_its_values_are_brought_into_form(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, FULL), {})

    assert settings.ocpp.address == Address("::1", 9000)
    assert settings.ocpi.public_url == "https://ocpi.example.com"
    assert settings.ocpi.parties == (PartySettings(country_code="DE", party_id="ABC", name="Example"),)
    assert settings.store.synchronous == "NORMAL"
    assert settings.log.level == "debug"
    assert settings.store_url == "sqlite:////var/lib/gateway/gateway.sqlite3"


@pytest.mark.parametrize("name", ["GATEWAY_OCPP__LISTEN", "GATEWAY_OCPP_LISTEN"])
def test_the_environment_beats_the_file(tmp_path: Path, name: str) -> None:
    settings = load_settings(write(tmp_path, FULL), {name: "127.0.0.1:0", "GATEWAY_DATA_DIR": "/tmp/elsewhere"})

    assert settings.ocpp.address == Address("127.0.0.1", 0)
    assert settings.data_dir == Path("/tmp/elsewhere")


def test_numbers_truths_and_lists_may_come_from_the_environment() -> None:
    environ = {
        "GATEWAY_SESSIONS__SEAL_AFTER_S": "0.5",
        "GATEWAY_OCPP__STRICT_PENDING": "false",
        "GATEWAY_OCPI__PARTIES": '[{"country_code": "NL", "party_id": "XYZ", "name": "Other"}]',
        "GATEWAY_CONSOLE__TOKEN": "s3cret",
        "GATEWAY_REVIEW__HOLD_FLAGS": '["gap", "abandoned"]',
        "GATEWAY_REVIEW__MAX_ENERGY_KWH": "150",
    }

    settings = load_settings(None, environ)

    assert settings.sessions.seal_after_s == 0.5
    assert settings.ocpp.strict_pending is False
    assert settings.ocpi.parties[0].party_id == "XYZ"
    assert (settings.review.hold_flags, settings.review.max_energy_kwh) == (("gap", "abandoned"), 150)
    assert settings.console.token is not None
    assert settings.console.token.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)


def test_variables_of_others_are_left_alone() -> None:
    assert load_settings(None, {"GATEWAY_SERVICE_HOST": "10.0.0.1", "PATH": "/bin"}) == Settings()


def test_every_key_has_a_variable_of_its_own() -> None:
    names = env_names()

    assert names["GATEWAY_OCPP__TLS__KEY"] == ("ocpp", "tls", "key")
    assert names["GATEWAY_OCPI_PARTIES"] == ("ocpi", "parties")
    assert len({name for name in names if "__" in name or name == "GATEWAY_DATA_DIR"}) == len(set(names.values()))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[ocpp]\nlisten = 'nowhere'", ["ocpp.listen", "HOST:PORT", "127.0.0.1:9000"]),
        ("[ocpp]\nlisten = '::1:9000'", ["ocpp.listen", "needs brackets"]),
        ("[ocpp]\nlissten = 'a:1'", ["ocpp.lissten", "no such key", "did you mean ocpp.listen?"]),
        ("[ocpp]\nunknown_stations = 'maybe'", ["ocpp.unknown_stations", "quarantine", "'maybe'"]),
        ("[ocpp]\nping_interval_s = 5", ["ocpp.ping_interval_s", "15 or more, or 0"]),
        ("[ocpp.tls]\nlisten = ':1'", ["ocpp.tls.certificate", "ocpp.tls.key", "missing"]),
        ("[store]\nurl = 'postgresql://x'", ["store.url", "only SQLite"]),
        ("[console]\ntoken = 'with space'", ["console.token", "without spaces"]),
        ("[ocpi]\npublic_url = 'ocpi.example.com'", ["ocpi.public_url", "base URL"]),
        ("[[ocpi.parties]]\ncountry_code = 'DEU'\nparty_id = 'ABC'\nname = 'x'", ["ocpi.parties.0.country_code"]),
        ("[ocpp", ["not TOML", "mend that line"]),
    ],
)
def test_a_wrong_file_is_refused_with_file_key_and_remedy(tmp_path: Path, text: str, says: list[str]) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(write(tmp_path, text), {})

    for words in ["gateway.toml", *says]:
        assert words in str(refused.value)


def test_a_wrong_token_is_never_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(write(tmp_path, "[console]\ntoken = 's3 cret'"), {})

    assert "s3 cret" not in str(refused.value)


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(SettingsError, match=r"environment: GATEWAY_OCPP__PING_INTERVAL_S: ocpp\.ping_interval_s"):
        load_settings(None, {"GATEWAY_OCPP__PING_INTERVAL_S": "soon"})
    with pytest.raises(SettingsError, match=r"LISTN names no setting \(did you mean GATEWAY_OCPP__LISTEN\?"):
        load_settings(None, {"GATEWAY_OCPP__LISTN": "x:1"})
    with pytest.raises(SettingsError, match="not a JSON array"):
        load_settings(None, {"GATEWAY_OCPI__PARTIES": "DE*ABC"})


def test_a_doubt_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(write(tmp_path, '[review]\nhold_flags = ["gap", "register_fel"]'), {})
    with pytest.raises(SettingsError, match="not a JSON array"):
        load_settings(None, {"GATEWAY_REVIEW__HOLD_FLAGS": "gap"})

    for part in ("review.hold_flags.1", "did you mean register_fell?", "abandoned, "):
        assert part in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        load_settings(tmp_path / "none.toml", {})


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    text = "[ocpi.tls]\nlisten = ':9443'\ncertificate = '/nowhere/cert.pem'\nkey = '/nowhere/key.pem'"

    with pytest.raises(SettingsError, match=r"ocpi\.tls\.certificate: there is no file /nowhere/cert\.pem"):
        load_settings(write(tmp_path, text), {})


def test_a_port_beyond_the_last_is_no_port() -> None:
    assert parse_listen(":80") == Address("", 80)
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_listen("a:65536")


def test_days_of_retention_are_rules_and_none_is_for_ever() -> None:
    settings = load_settings(None, {"GATEWAY_RETENTION__FACTS_DAYS": "0", "GATEWAY_RETENTION__CDRS_DAYS": "4000"})

    rules = retention_rules_of(settings)

    assert set(Kept) - rules.keys() == {Kept.BILLED}
    assert (rules[Kept.NOTICE].days, rules[Kept.REFUSED].days, rules[Kept.CDR].days) == (90, 365, 4_000)
    assert Kept.CDR not in retention_rules_of(load_settings(None, {}))
    # a refused result keeps its command until it is deleted itself: so it comes first
    assert list(rules).index(Kept.REFUSED) < list(rules).index(Kept.COMMAND)


def test_what_partners_may_have_reserved_is_limited_a_little_and_zero_lifts_a_limit() -> None:
    assert reservation_limits_of(load_settings(None, {})) == ReservationLimits(
        most_per_driver=3, longest=timedelta(days=1)
    )
    environ = {
        "GATEWAY_RESERVATIONS__MOST_PER_DRIVER": "0",
        "GATEWAY_RESERVATIONS__MOST_PER_PARTNER": "20",
        "GATEWAY_RESERVATIONS__MOST_OF_LOCATION_PERCENT": "50",
        "GATEWAY_RESERVATIONS__LONGEST_S": "0",
    }

    assert reservation_limits_of(load_settings(None, environ)) == ReservationLimits(
        most_per_partner=20, most_of_location_percent=50
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("most_per_partner", "-1"),
        ("most_per_driver", "1.5"),
        ("most_of_location_percent", "0"),
        ("most_of_location_percent", "101"),
        ("longest_s", "1e9"),
    ],
)
def test_a_limit_of_reservations_that_is_none_is_named(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"reservations.{key}"):
        load_settings(None, {f"GATEWAY_RESERVATIONS__{key.upper()}": value})
