"""Programs that put smsd under load and measure it."""
