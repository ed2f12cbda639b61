"""The SMPP listeners: clients bind here, submit messages and get their receipts."""
