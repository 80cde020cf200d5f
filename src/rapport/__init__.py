"""Rapport: a real-time customer data platform that the customer co-owns."""

__version__ = "0.1.0"
