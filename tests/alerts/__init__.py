"""Alerts: who reports what, and that it is said once."""
