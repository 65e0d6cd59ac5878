"""`python -m console`: the same as `earshot`."""

from console.cli import main

if __name__ == "__main__":
    main()
