"""Loading, desired state, planning support, execution and records; knows no service by name."""
