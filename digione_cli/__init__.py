"""The operator's side of DigiOne: the command ``digione``."""
