"""`python -m reactor` is `bin/reactor`."""

from reactor.cli import main

if __name__ == "__main__":
    main()
