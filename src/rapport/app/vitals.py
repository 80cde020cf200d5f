"""How the node fares, as it tells whoever watches it: counts and times, and nothing of anybody."""

from rapport.app.newsroom import Newsroom
from rapport.app.witnessing import Witnessing


class HouseVitals:
    def __init__(self, newsroom: Newsroom, witnessing: Witnessing) -> None:
        self._newsroom = newsroom
        self._witnessing = witnessing
        self.requests = 0

    def not_ready(self) -> str | None:
        return None if self._newsroom.ready else "the worker is still starting"

    def metrics(self) -> list[tuple[str, str, str, float]]:
        news = self._newsroom
        return [
            ("rapport_requests_total", "counter", "HTTP requests since the web process started.", self.requests),
            (
                "rapport_events_accepted_total",
                "counter",
                "Events committed since the web process started.",
                news.accepted,
            ),
            ("rapport_log_cursor", "gauge", "The last log entry whose effects are committed.", news.cursor),
            (
                "rapport_lag_seconds",
                "gauge",
                "From acknowledged to readable, at the last commit.",
                (news.lag_us or 0) / 1e6,
            ),
            (
                "rapport_witnesses_failing",
                "gauge",
                "Witnesses that did not sign the log of receipts when last asked.",
                len(self._witnessing.failing),
            ),
        ]
