"""Take out of an npm lock file what names a host: packages are found by name, and held to their integrity hashes."""

import json
import sys
from pathlib import Path


def without_addresses(lock: dict) -> dict:
    """The lock without `resolved` (where a package came from) and `funding` (whom to thank): `npm ci` needs neither."""
    packages = {
        name: {key: value for key, value in package.items() if key not in {"resolved", "funding"}}
        for name, package in lock["packages"].items()
    }
    return lock | {"packages": packages}


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        lock = without_addresses(json.loads(path.read_text()))
        path.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n")
