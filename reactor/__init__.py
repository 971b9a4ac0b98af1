"""An event-driven render farm that lives in Postgres."""

__version__ = "0.1.0"
