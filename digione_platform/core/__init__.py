"""What every service area stands on: master data, who may see it, and the audit of who did."""
