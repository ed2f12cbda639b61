"""The message's life under stress: clients, operators, a web server and a database, all unreliable."""
