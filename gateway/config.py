"""Settings: one TOML file, each key overridable by an environment variable.

`[ocpp] listen` is overridden by `GATEWAY_OCPP__LISTEN` (or, with single underscores, `GATEWAY_OCPP_LISTEN`), `data_dir`
by `GATEWAY_DATA_DIR`, `[ocpp.tls] key` by `GATEWAY_OCPP__TLS__KEY`; a list such as `[[ocpi.parties]]` takes a JSON
array.  A variable with a double underscore that names no key is an error; other `GATEWAY_…` variables are not ours and
are ignored.  Relative paths start at the working directory.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, ValidationError

from gateway.config_sections import (
    ReservationSettings,
    RetentionSettings,
    Seconds,
    Section,
    SessionSettings,
    lower,
)
from gateway.core.doubts import FLAGS
from gateway.errors import SettingsError

ENV_PREFIX = "GATEWAY_"
DOUBTS = sorted(FLAGS)
LISTS: dict[tuple[str, ...], str] = {
    ("ocpi", "parties"): '[{"country_code": "DE", "party_id": "ABC", "name": "Example"}]',
    ("ocpi", "partner_networks"): '["10.20.0.0/16"]',
    ("review", "hold_flags"): '["register_fell", "gap"]',
    ("sessions", "empty_cdrs_never_at"): '["TEST-1"]',
}
"""The settings that are lists, each with an example of its variable."""


class Address(NamedTuple):
    """Where a listener binds; port 0 lets the system choose one."""

    host: str
    port: int


def parse_listen(text: str) -> Address:
    """Read "HOST:PORT", "[::1]:9000" or ":9000" (every interface); raises ValueError with the remedy."""
    host, colon, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(f'{text!r} is not HOST:PORT; write for example "127.0.0.1:9000" or "[::1]:9000"')
    if ":" in host and not is_bracketed:
        raise ValueError(f'an IPv6 address needs brackets; write "[{host}]:{port}"')
    return Address(host[1:-1] if is_bracketed else host, int(port))


def _check_listen(text: str) -> str:
    parse_listen(text)
    return text


def _check_public_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f'{url!r} is not a base URL; write for example "https://ocpi.example.com"')
    return url.rstrip("/")


def _check_store_url(url: str) -> str:
    if not url.startswith("sqlite:///") or url == "sqlite:///":
        raise ValueError('only SQLite is supported; write for example "sqlite:////var/lib/gateway/gateway.sqlite3"')
    return url


def _check_token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", token.get_secret_value()):
        raise ValueError("a token is printable ASCII without spaces; leave the key out to have one made")
    return token


def _check_ping(seconds: float) -> float:
    if 0 < seconds < 15:
        raise ValueError("pings so often cost more than all else; give 15 or more, or 0 for none")
    return seconds


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _check_network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise ValueError(f'{text!r} is not a network ({error}); write for example "10.20.0.0/16"') from None


def _check_doubt(name: str) -> str:
    if name not in DOUBTS:
        raise ValueError(f"{name!r} is no doubt{_suggest(name, dict.fromkeys(DOUBTS))}; there are {', '.join(DOUBTS)}")
    return name


Listen = Annotated[str, AfterValidator(_check_listen)]
NetworkName = Annotated[str, AfterValidator(_check_network)]
ProfileName = Annotated[Literal["CHEAP", "FAST", "GREEN", "REGULAR"], BeforeValidator(_upper)]
DoubtName = Annotated[str, AfterValidator(_check_doubt)]
WholeSeconds = Annotated[int, Field(ge=0, le=2**31 - 1)]


class TlsSettings(Section):
    """A TLS listener beside the plain one."""

    listen: Listen = Field(description="HOST:PORT of the TLS listener.")
    certificate: Path = Field(description="PEM file with the certificate and its chain.")
    key: Path = Field(description="PEM file with the private key.")

    @property
    def address(self) -> Address:
        return parse_listen(self.listen)


class OcppSettings(Section):
    """The edge to the stations."""

    listen: Listen = Field(
        default="0.0.0.0:9000",
        description="HOST:PORT where stations connect (ws://HOST:PORT/ocpp/<station_id>).",
    )
    unknown_stations: Literal["quarantine", "accept", "refuse"] = Field(
        default="quarantine",
        description="A station nobody has provisioned connects and waits for the operator, is accepted, or gets 404.",
    )
    fallback_version: str | None = Field(
        default=None,
        pattern=r"^[0-9]+\.[0-9]+(\.[0-9]+)?$",
        description="OCPP version spoken with stations that offer no subprotocol; without it they are turned away.",
    )
    tls: TlsSettings | None = Field(default=None, description="A TLS listener beside the plain one.")
    ping_interval_s: Annotated[Seconds, AfterValidator(_check_ping)] = Field(
        default=45, description="Ping a station silent for so long; 0: never."
    )
    call_timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=30, description="How long the gateway waits for a station's answer to a call."
    )
    max_message_bytes: int = Field(
        default=1_048_576, ge=4_096, description="A larger message closes the connection (code 1009)."
    )
    heartbeat_interval_s: int = Field(
        default=300, ge=1, le=86_400, description="Heartbeat interval of accepted stations."
    )
    pending_retry_s: int = Field(default=60, ge=1, le=86_400, description="Boot interval of a station in quarantine.")
    strict_pending: bool = Field(
        default=True, description="Answer calls of a station in quarantine with SecurityError; false: as usual."
    )
    offline_grace_s: Seconds = Field(
        default=300, description="An EVSE becomes UNKNOWN when its station has been away for so long."
    )
    restart_grace_s: Seconds = Field(
        default=1_200, description="The same after a restart of the gateway, while the stations find their way back."
    )
    handshakes_in_flight: int = Field(
        default=100, ge=1, description="Handshakes handled at once; more are answered 503 with Retry-After."
    )
    settle_delay_s: Seconds = Field(
        default=2, description="No call is sent to a station for so long after its boot was answered."
    )
    compression: bool = Field(default=False, description="Accept permessage-deflate, without context takeover.")
    configure_metering: bool = Field(
        default=True, description="After a boot, set sampled energy and its interval where the station differs."
    )
    metering_interval_s: int = Field(default=60, ge=1, le=86_400, description="Interval of meter values in a session.")
    cost_interval_s: int = Field(
        default=60,
        ge=-1,
        le=86_400,
        description="Seconds between two running costs told to a 2.x station; 0: only the final cost; -1: none.",
    )
    preparing_is: Annotated[Literal["CHARGING", "AVAILABLE"], BeforeValidator(_upper)] = Field(
        default="CHARGING", description="EVSE status published while a plug is Preparing."
    )
    finishing_is: Annotated[Literal["CHARGING", "BLOCKED"], BeforeValidator(_upper)] = Field(
        default="CHARGING", description="EVSE status published while a plug is Finishing."
    )

    @property
    def address(self) -> Address:
        return parse_listen(self.listen)


class PartySettings(Section):
    """A charge point operator that this platform speaks for."""

    country_code: Annotated[str, AfterValidator(str.upper)] = Field(
        pattern=r"^[A-Za-z]{2}$", description="ISO 3166-1 alpha-2 country of the party."
    )
    party_id: Annotated[str, AfterValidator(str.upper)] = Field(
        pattern=r"^[A-Za-z0-9]{3}$", description="The party's three characters (ISO 15118)."
    )
    name: str = Field(min_length=1, max_length=100, description="The party's name as partners see it.")
    round_to: int | None = Field(
        default=None, ge=0, le=4, description="Decimals of the totals of its bills; without it four, as OCPI has them."
    )


class OcpiSettings(Section):
    """The edge to the partners."""

    listen: Listen = Field(
        default="0.0.0.0:9001",
        description="HOST:PORT where partners connect (http://HOST:PORT/ocpi/versions).",
    )
    public_url: Annotated[str, AfterValidator(_check_public_url)] | None = Field(
        default=None, description="Base URL that partners reach this listener under, used in every link."
    )
    allow_insecure_partners: bool = Field(
        default=False, description="Allow http and loopback URLs of partners. For development only."
    )
    partner_networks: tuple[NetworkName, ...] = Field(
        default=(), description="Private networks (CIDR) that partners' https URLs may lead into."
    )
    tls: TlsSettings | None = Field(default=None, description="A TLS listener beside the plain one.")
    parties: tuple[PartySettings, ...] = Field(default=(), description="The parties this platform speaks for.")
    page_limit: int = Field(default=100, ge=1, le=1_000, description="Objects on one page at most.")
    request_timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=30, description="How long the gateway waits for a partner's answer."
    )
    authorize_timeout_s: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = Field(
        default=5, description="How long a charger's driver waits for an eMSP's decision on a card."
    )
    hub_pull_interval_s: Annotated[float, Field(ge=60, allow_inf_nan=False)] = Field(
        default=3_600, description="Time between two pulls of a hub's list of its clients, which it pushes as well."
    )
    token_pull_interval_s: Annotated[float, Field(ge=10, allow_inf_nan=False)] = Field(
        default=300, description="Time between two pulls of the tokens of a partner that does not push them."
    )
    max_body_bytes: int = Field(default=1_048_576, ge=4_096, description="A larger body is refused (HTTP 413).")
    session_push_interval_s: Seconds = Field(
        default=60, description="A partner is told of the progress of a session at most once in this time."
    )
    push_retry_s: Annotated[float, Field(gt=0, le=900, allow_inf_nan=False)] = Field(
        default=5, description="Wait after a partner failed, before it is tried again; doubled each time."
    )

    command_timeout_s: int = Field(
        default=30,
        ge=5,
        le=300,
        description="By when a partner gets the result of a command or charging profile, as promised.",
    )
    start_window_s: WholeSeconds = Field(
        default=120, description="How long a session that a partner ordered may take to begin, after that."
    )

    @property
    def address(self) -> Address:
        return parse_listen(self.listen)


class ConsoleSettings(Section):
    """The operator's API."""

    listen: Listen = Field(default="127.0.0.1:9002", description="HOST:PORT of the operator's API.")
    token: Annotated[SecretStr, AfterValidator(_check_token)] | None = Field(
        default=None, description="Bearer token of the operator's API; without it one is made and kept in data_dir."
    )

    @property
    def address(self) -> Address:
        return parse_listen(self.listen)


class StoreSettings(Section):
    """Where facts are kept."""

    url: Annotated[str, AfterValidator(_check_store_url)] | None = Field(
        default=None, description="Database URL (sqlite:///…); without it gateway.sqlite3 in data_dir."
    )
    synchronous: Annotated[Literal["FULL", "NORMAL", "EXTRA"], BeforeValidator(_upper)] = Field(
        default="FULL",
        description="SQLite's synchronous mode; NORMAL may lose acknowledged facts when power fails.",
    )


class SmartChargingSettings(Section):
    """What partners may do to the speed and the price of their sessions."""

    requests_per_minute: int = Field(
        default=6, ge=1, le=600, description="Requests about the charging profile of one session; more are TOO_OFTEN."
    )
    stack_level: int = Field(
        default=0, ge=0, le=1_000, description="Stack level of partners' profiles, as far as a station takes it."
    )
    profile_types: tuple[ProfileName, ...] = Field(
        default=(), description="Profile types that every plug supports, also without a tariff of their own."
    )
    needs_departure: bool = Field(
        default=False, description="Take the preferences CHEAP and GREEN only with a time of departure."
    )
    needs_energy: bool = Field(default=False, description="The same with the energy that is needed.")
    price_window_s: int = Field(
        default=900, ge=0, description="How long after its start a session's tariff follows the driver's preferences."
    )


class ReviewSettings(Section):
    """Which sessions a person looks at before they are billed; by default none: the CDR is made and flagged."""

    hold_flags: tuple[DoubtName, ...] = Field(
        default=(), description="Doubts for which a session is held until it is released."
    )
    power_factor: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)] = Field(
        default=1.1, description="How much more than its greatest power a plug may seem to give."
    )
    max_energy_kwh: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="More energy in one session is doubtful."
    )
    max_duration_h: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)] | None = Field(
        default=None, description="A longer session is doubtful."
    )


class LogSettings(Section):
    """Log lines on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower)] = Field(
        default="info", description="The least severe lines shown."
    )
    format: Annotated[Literal["text", "json"], BeforeValidator(lower)] = Field(
        default="text", description="Lines for people (text) or for machines (json)."
    )


class Settings(Section):
    """All settings."""

    data_dir: Path = Field(default=Path("./data"), description="Directory of the database and the keys.")
    ocpp: OcppSettings = Field(default=OcppSettings(), description="The edge to the stations.")
    ocpi: OcpiSettings = Field(default=OcpiSettings(), description="The edge to the partners.")
    console: ConsoleSettings = Field(default=ConsoleSettings(), description="The operator's API.")
    store: StoreSettings = Field(default=StoreSettings(), description="Where facts are kept.")
    sessions: SessionSettings = Field(default=SessionSettings(), description="When a session becomes a CDR.")
    reservations: ReservationSettings = Field(
        default=ReservationSettings(), description="How much partners may have kept."
    )
    smart_charging: SmartChargingSettings = Field(
        default=SmartChargingSettings(), description="Charging profiles and preferences."
    )
    review: ReviewSettings = Field(default=ReviewSettings(), description="Who is looked at before the CDR.")
    retention: RetentionSettings = Field(default=RetentionSettings(), description="How long data is kept.")
    log: LogSettings = Field(default=LogSettings(), description="Log lines on standard error.")

    @property
    def store_url(self) -> str:
        """The database in use: `store.url`, or the one in `data_dir`."""
        return self.store.url or f"sqlite:///{self.data_dir / 'gateway.sqlite3'}"


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the file (None: defaults only) and the environment over it; raises SettingsError naming every faulty key."""
    values = _read_toml(path) if path is not None else {}
    origins = _override(values, environ)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        where = str(path) if path is not None else "settings"
        raise SettingsError("\n".join(_explain(fault, where, origins) for fault in error.errors())) from None
    _check_files(settings)
    return settings


def env_names() -> Mapping[str, tuple[str, ...]]:
    """Every environment variable that is read, in both spellings, and the key it stands for."""
    names: dict[str, tuple[str, ...]] = {}
    for key in _walk_keys(Settings):
        for joint in ("__", "_"):
            names[ENV_PREFIX + joint.join(key).upper()] = key
    return names


def _walk_keys(section: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in section.model_fields.items():
        inner = _section_of(field.annotation)
        if inner is None:
            yield (*above, name)
        else:
            yield from _walk_keys(inner, (*above, name))


def _section_of(annotation: Any) -> type[BaseModel] | None:
    for option in (annotation, *get_args(annotation)):
        if isinstance(option, type) and issubclass(option, Section) and annotation is not tuple:
            return option if not _is_list(annotation) else None
    return None


def _is_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is tuple


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file; copy config.example.toml there or name another") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({error}); check its owner, mode and encoding (UTF-8)") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not TOML: {error}; mend that line") from None


def _override(values: dict[str, Any], environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Put the variables into `values`; returns which variable a key came from."""
    names, origins = env_names(), {}
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX):
            continue
        key = names.get(name)
        if key is not None:
            _set_key(values, key, _read_variable(name, key, environ[name]))
            origins[key] = name
        elif "__" in name:
            raise SettingsError(f"environment: {name} names no setting{_suggest(name, names)}; mend or unset it")
    return origins


def _read_variable(name: str, key: tuple[str, ...], text: str) -> Any:
    example = LISTS.get(key)
    if example is None:
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise SettingsError(f"environment: {name} is not a JSON array; write for example {example}") from None


def _set_key(values: dict[str, Any], key: tuple[str, ...], value: Any) -> None:
    table = values
    for name in key[:-1]:
        inner = table.setdefault(name, {})
        if not isinstance(inner, dict):
            return  # the model will refuse it by name
        table = inner
    table[key[-1]] = value


def _explain(fault: Any, where: str, origins: Mapping[tuple[str, ...], str]) -> str:
    key = tuple(fault["loc"])
    shown = ".".join(str(part) for part in key)
    source = next((f"environment: {name}" for origin, name in origins.items() if key[: len(origin)] == origin), where)
    if fault["type"] == "extra_forbidden":
        return f"{source}: {shown}: there is no such key{_suggest_key(key)}; mend or remove it"
    if fault["type"] == "missing":
        return f"{source}: {shown}: is missing; add it (config.example.toml shows every key)"
    if fault["type"] == "value_error":
        return f"{source}: {shown}: {fault['ctx']['error']}"
    given = "" if key[-1:] == ("token",) else f" (given: {fault['input']!r})"
    return f"{source}: {shown}: {fault['msg']}{given}; config.example.toml explains the key"


def _suggest_key(key: tuple[Any, ...]) -> str:
    return _suggest(".".join(map(str, key)), {".".join(known): None for known in _walk_keys(Settings)})


def _suggest(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _check_files(settings: Settings) -> None:
    for section, tls in (("ocpp", settings.ocpp.tls), ("ocpi", settings.ocpi.tls)):
        for name, file in (("certificate", tls.certificate), ("key", tls.key)) if tls else ():
            if not file.is_file():
                raise SettingsError(f"{section}.tls.{name}: there is no file {file}; name a PEM file")
