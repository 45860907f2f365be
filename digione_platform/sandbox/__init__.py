"""The platform alone on one machine: sign in as any sample person. Not in the wheel that hosts install."""
