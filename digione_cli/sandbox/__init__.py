"""The platform alone on this machine: no root, no hosts, an embedded PostgreSQL, a synthetic town."""
