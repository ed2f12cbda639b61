"""What smsd does, apart from how clients and operators reach it."""
