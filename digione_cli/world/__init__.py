"""The one seam to the outside: ansible, ssh, http, files, store, clock."""
