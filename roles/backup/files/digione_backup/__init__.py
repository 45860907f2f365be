"""Keeps what is on a host of an instance: recovery points in a vault on the host, and copies at the targets.

It runs on the host, as root, with Python's standard library and the programs pgBackRest, restic and rclone.
"""
