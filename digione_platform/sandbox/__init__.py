"""The platform alone on one machine: sign in as any sample person. Left out of the wheel that hosts install."""
