"""Purposes and categories as a person would say them, to be put into sentences."""

from typing import Final

PURPOSE_WORDS: Final = {
    "service": "to serve you",
    "personalisation": "to personalise what you see",
    "offers": "to make you offers",
    "analytics": "to learn how the service is used",
    "advertising": "to show you advertising",
    "fraud": "to protect you and others from fraud",
    "research": "to develop something new",
    "any": "for any purpose",
}
"""Plain purpose → why, after “we read … ”."""

CATEGORY_WORDS: Final = {
    "name": "your name",
    "contact": "ways to reach you",
    "email": "your e-mail address",
    "phone": "your phone number",
    "address": "your postal address",
    "location": "where you are",
    "demographic": "your circumstances",
    "age": "your age",
    "gender": "your gender",
    "language": "your language",
    "profession": "your work and education",
    "purchases": "what you bought",
    "financial": "your money matters",
    "preference": "what you like",
    "behaviour": "what you do and look at",
    "device": "your devices",
    "account": "your account",
    "loyalty": "your loyalty points and habits",
    "health": "your health",
    "genetics": "your genes",
    "biometrics": "your body's measures, such as a fingerprint",
    "ethnicity": "your ethnic origin",
    "beliefs": "what you believe in",
    "politics": "your political views",
    "sexuality": "your sexuality",
    "union": "your trade union",
    "unclassified": "data of no known kind",
    "everything": "everything but sensitive data",
    "special": "all sensitive data",
    "other": "other things about you",
}
"""Plain category → what, after “we read … ”."""

PLAIN_WORDS: Final = CATEGORY_WORDS | PURPOSE_WORDS
"""Both: a plain name is never a purpose and a category."""
