"""The ways to operators: SMPP channels, and a simulator for development."""
