"""The queue that fills itself."""
