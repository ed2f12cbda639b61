"""Telephone numbers and other addresses of messages."""
