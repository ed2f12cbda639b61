"""HTTP requests that smsd makes: which addresses they go to, their connections, and what goes wrong."""
