"""Ports that clients connect to: endpoints, and TLS and the PROXY protocol around what they serve."""
