"""The statements the blocking client needs, generated from `reactor/db`."""
