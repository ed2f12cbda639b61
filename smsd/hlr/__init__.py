"""Back ends of number lookup: whoever can be asked about a number, each kind behind ``BackEnd``."""
