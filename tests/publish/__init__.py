"""The handover to publishing: the queue, publishers, the archive, the content agent."""
