"""The HTTP API: JSON in, JSON out, errors as RFC 9457 problem details that also carry `code` and `message`."""
