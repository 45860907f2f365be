"""The rights of the data subject: access to all that is kept of a person, and erasure."""
