"""The operator's API of the gateway that runs, for commands that change something: it alone writes its database."""

from typing import Any

import aiohttp
import orjson

from gateway.config import Settings
from gateway.errors import GatewayError, SettingsError

TIMEOUT_S = 60.0


class RefusedError(GatewayError):
    """The gateway answered that it will not do this, with its reason and its remedy."""


async def call(settings: Settings, method: str, path: str, body: dict[str, Any]) -> bytes:
    """One request to the gateway of these settings; its answer, JSON.

    Raises SettingsError where its token is not to be had, RefusedError, and GatewayError where nobody answers.
    """
    url = f"{_base_of(settings)}/api/v1/{path}"
    headers = {"Authorization": f"Bearer {_token_of(settings)}"}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, url, data=orjson.dumps(body), headers=headers) as response,
        ):
            text = await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise GatewayError(f"no gateway answers at {url} ({error}): is it running with these settings?") from None
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise GatewayError(f"{url} is no operator's API: it answered {response.status}") from None
    if response.status >= 400:
        raise RefusedError(_explain(answer, response.status))
    return text


def _base_of(settings: Settings) -> str:
    host, port = settings.console.address
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 only compared
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _token_of(settings: Settings) -> str:
    given = settings.console.token
    if given is not None:
        return given.get_secret_value()
    path = settings.data_dir / "console.token"
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SettingsError(
            f"the operator's token cannot be read ({error}): name the settings of the gateway with --config, and run "
            "the command as its user"
        ) from None


def _explain(answer: Any, status: int) -> str:
    error = answer.get("error", {}) if isinstance(answer, dict) else {}
    what, where, remedy = (error.get(name) for name in ("what", "where", "remedy"))
    if what is None:
        return f"the gateway answered {status}"
    place = f"{where}: " if isinstance(where, str) and where.startswith("$") else ""
    return f"{place}{what}" + (f" ({remedy})" if remedy else "")
