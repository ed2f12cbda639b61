"""SMPP 3.4 without I/O: PDUs, TLVs, times, receipts and the state of a session."""
