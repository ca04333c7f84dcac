"""The error tree.  Each protocol maps it to its own codes in one table; a message says what, where and what to do."""


class GatewayError(Exception):
    """The root; its text is fit for a user."""


class WireError(GatewayError):
    """What came over a wire cannot be understood.  `path` is a JSON path such as `$.status`."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class NotFoundError(GatewayError):
    """There is no such object, or the caller may not see it."""


class ConflictError(GatewayError):
    """What was asked for contradicts the present state (in use, already there, session open)."""


class RevisionConflictError(GatewayError):
    """The stored object is newer than the one the caller changed; it was reloaded: run once more."""


class StoreDownError(GatewayError):
    """The store cannot commit.  Nothing may be acknowledged."""


class StoreFullError(StoreDownError):
    """The writer's queue is full: stop reading until it drains."""


class UnauthorizedError(GatewayError):
    """Who calls is not known, or not with this secret."""


class ForbiddenError(GatewayError):
    """The caller is known and may not do this."""


class PartnerError(GatewayError):
    """A partner's system could not be used: unreachable, refused, or no mutual version.  `kind` says which."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class CannotSayError(GatewayError):
    """An OCPI version has no truthful words for an object: it is withheld there, with this reason."""


class SettingsError(GatewayError):
    """A setting is wrong or missing; the text names the key and the remedy."""
