"""The clients' HTTP API."""
