"""Results of what partners asked for, in the words of the version in which they asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.domain.callbacks import COMMANDS, PROFILES, Callback, CallbackKind
from gateway.domain.profiles import ProfileResult
from gateway.ocpi.version import Json, Version, load_profile_words
from gateway.ocpi.versions import VERSIONS
from gateway.ocpi.wire import dump_json

Renderer = Callable[[Version, str, str | None, Any], Json]


class OcpiResults:
    """The port ResultWriter."""

    def render_result(self, callback: Callback, word: str, message: str | None, content: Any) -> bytes:
        return dump_json(RENDERERS[callback.kind](VERSIONS[callback.version], word, message, content))

    def has_word(self, callback: Callback, word: str) -> bool:
        return bool(RENDERERS[callback.kind](VERSIONS[callback.version], word, None, None)["result"] == word)

    def timeout_word(self, callback: Callback) -> str:
        return TIMEOUTS[callback.kind]


def _render_command(version: Version, word: str, message: str | None, _content: Any) -> Json:
    return version.render_command_result(word, message)


def _render_profile(kind: CallbackKind) -> Renderer:
    def render(version: Version, word: str, _message: str | None, content: Any) -> Json:
        return load_profile_words(version).render_result(kind, word, content)

    return render


RENDERERS: Final[Mapping[CallbackKind, Renderer]] = {
    **dict.fromkeys(COMMANDS, _render_command),
    **{kind: _render_profile(kind) for kind in PROFILES},
}
TIMEOUTS: Final[Mapping[CallbackKind, str]] = {
    **dict.fromkeys(COMMANDS, "TIMEOUT"),
    **dict.fromkeys(PROFILES, ProfileResult.REJECTED.value),  # there is no word for a station that does not answer
}
