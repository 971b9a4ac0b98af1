"""`python -m reactor` is `bin/reactor`."""

if __name__ == "__main__":
    # Imported here and not above, because worker processes import this module again.
    from reactor.cli import main

    main()
