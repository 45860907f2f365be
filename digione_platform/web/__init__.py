"""Pages: layout, role desktop, and the pages over master data that all service areas share."""
