"""Every error Rapport raises on purpose.

    RapportError
    ├── BadInput          what was sent cannot be used; names what and where        400, exit 2
    │   └── TooLarge      … because it is over a limit, which is named              413
    ├── Unauthorized      no credential, or one that is not known                   401
    ├── Forbidden         a known credential without the scope that is needed       403
    ├── NotFound          absent, or refused: the two are told apart by nobody      404
    ├── Conflict          it contradicts what is there                              409
    ├── Busy              try again after `retry_after` seconds                     503
    │   ├── TooMany       … the caller has asked more often than they may           429
    │   └── Full          … there is no place to keep it (disk or log full)         503
    ├── Misconfigured     a setting, port or directory cannot be used               exit 2
    └── Corrupt           stored bytes are not what was written                     exit 3

`code` is stable and for machines, `message` is for the person who reads it, `field` names the offending part.
"""


class RapportError(Exception):
    """Root of the tree. `status` is the HTTP status it answers with, `exit_code` the command line's."""

    code = "error"
    status = 500
    exit_code = 1

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code is not None:
            self.code = code


class BadInput(RapportError):
    code = "bad_input"
    status = 400
    exit_code = 2


class TooLarge(BadInput):
    code = "too_large"
    status = 413


class Unauthorized(RapportError):
    code = "unauthorized"
    status = 401


class Forbidden(RapportError):
    code = "forbidden"
    status = 403


class NotFound(RapportError):
    code = "not_found"
    status = 404


class Conflict(RapportError):
    code = "conflict"
    status = 409


class Busy(RapportError):
    """The caller should come back after `retry_after` seconds; nothing was kept."""

    code = "busy"
    status = 503

    def __init__(self, message: str, *, retry_after: int = 1, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class TooMany(Busy):
    code = "too_many_requests"
    status = 429


class Full(Busy):
    code = "full"


class Misconfigured(RapportError):
    code = "misconfigured"
    exit_code = 2


class Corrupt(RapportError):
    code = "corrupt"
    exit_code = 3
