"""How long what is kept: one table of rules, periods of each municipality, and what carries them out."""
