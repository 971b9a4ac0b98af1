"""Niches, platforms and templates, loaded from files."""
