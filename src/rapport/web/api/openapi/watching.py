"""The log of receipts, in the description of the API."""

from typing import Any

from rapport.web.api.openapi.answers import answer, answers, plain
from rapport.web.api.openapi.parameters import in_path
from rapport.web.api.openapi.schema import told
from rapport.web.api.receipt_log import OCTETS

TAG = "log"

_NUMBER = {"type": "string", "pattern": "^(x[0-9]{3}/){0,4}[0-9]{3}(\\.p/[1-9][0-9]{0,2})?$", "examples": ["000.p/1"]}
_BYTES = {"type": "string", "contentEncoding": "binary"}


def paths() -> dict[str, Any]:
    return {
        "/log/checkpoint": {
            "get": {
                "tags": [TAG],
                "operationId": "readCheckpoint",
                "summary": "The log's signed head",
                "description": "A checkpoint as of [C2SP](https://c2sp.org/tlog-checkpoint), and who witnessed it. "
                "For a minute it is the newest that they signed, though the log has grown. No credential is needed.",
                "responses": {"200": plain("The head as it is now.", "text/plain", "A signed note.")},
            }
        },
        "/log/key": {
            "get": {
                "tags": [TAG],
                "operationId": "readLogKey",
                "summary": "The log's verifier key",
                "description": "As of [C2SP](https://c2sp.org/signed-note). Keep it: nobody else can sign by it.",
                "responses": {"200": plain("The key.", "text/plain", "`name+id+key`.")},
            }
        },
        "/log/tile/{level}/{tile}": {
            "get": {
                "tags": [TAG],
                "operationId": "readTile",
                "summary": "A tile of the log",
                "description": (
                    "As of [C2SP](https://c2sp.org/tlog-tiles): up to 256 hashes of a level, or `entries` themselves, "
                    "each behind its length in two bytes. Entries are blinded heads of trees: they tell nobody apart. "
                    "What a tile begins with never changes. No credential is needed."
                ),
                "parameters": [
                    in_path(
                        "level",
                        "`0` to `63`, or `entries`.",
                        {"type": "string", "pattern": "^(entries|[1-5]?[0-9]|6[0-3])$"},
                    ),
                    in_path(
                        "tile",
                        "Its number in groups of three digits, such as `x001/234`; for its first entries alone, "
                        "behind it `.p/` and how many. Slashes are not escaped.",
                        _NUMBER,
                    ),
                ],
                "responses": answers({"200": answer("The tile.", told(_BYTES, "Octets."), OCTETS)}, _404="NotFound"),
            }
        },
    }
