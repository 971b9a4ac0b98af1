"""Where the fixtures are."""

from __future__ import annotations

pytest_plugins = ["tests.no_skips", "tests.fix_postgres", "tests.fix_reactor", "tests.fix_api"]
