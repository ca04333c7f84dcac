"""Secrets that live outside the database, in one file of the data directory."""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class FileSecrets:
    """Keyed hashes and encryption under a key file that only its owner may read.

    Passwords of stations and tokens of partners are made by machines and long: a keyed hash (HMAC-SHA256) protects
    them as well as
    a slow hash, and a storm of reconnecting stations costs microseconds each.
    """

    def __init__(self, key: bytes) -> None:
        self._hash_key = hashlib.sha256(b"hash" + key).digest()
        self._cipher = AESGCM(hashlib.sha256(b"encrypt" + key).digest())

    def keyed_hash(self, secret: bytes) -> str:
        return hmac.digest(self._hash_key, secret, "sha256").hex()

    def encrypt(self, text: str) -> str:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), None)).decode()

    def decrypt(self, text: str) -> str:
        """Raises ValueError where the text was not encrypted with this key."""
        data = base64.b64decode(text)
        try:
            return self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], None).decode()
        except InvalidTag:
            raise ValueError(
                "encrypted with another key: is secret.key the one that belongs to this database?"
            ) from None

    def new_token(self) -> str:
        return secrets.token_urlsafe(36)


def load_secrets(path: Path) -> FileSecrets:
    """The secrets under the key in `path`; made there on first use, readable by its owner alone."""
    return FileSecrets(bytes.fromhex(load_or_make(path, lambda: secrets.token_hex(KEY_BYTES))))


def load_console_token(path: Path) -> str:
    """The operator's API token in `path`; made there on first use."""
    return load_or_make(path, lambda: secrets.token_urlsafe(32))


def load_or_make(path: Path, make: Callable[[], str]) -> str:
    """The stripped text of a private file, written whole or not at all if it is not there yet."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        text = make()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    return text
