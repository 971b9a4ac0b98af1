"""Webhooks: the guarded way out, signatures, deliveries, and what people see of them."""
