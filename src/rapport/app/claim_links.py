"""Links by which an organization says that whoever opens them is one of its customers."""

from rapport.app.proving import Proving
from rapport.kernel.times import rfc3339


class HouseClaimLinks:
    def __init__(self, proving: Proving, url: str) -> None:
        self._proving = proving
        self._url = url

    async def mint(self, org: str, kind: str, value: str) -> tuple[str, str]:
        code, until = await self._proving.within(lambda proofs: proofs.claims.mint(org, kind, value))
        return f"{self._url}/me/claim?code={code}", rfc3339(until)
