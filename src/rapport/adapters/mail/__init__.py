"""Mail out: codes and news of an account, by SMTP."""

from rapport.adapters.mail.lines import Server
from rapport.adapters.mail.sending import Letter, Mailer, read_sender, read_url

__all__ = ["Letter", "Mailer", "Server", "read_sender", "read_url"]
