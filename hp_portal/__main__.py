"""`python -m hp_portal`: the same as `hp-portal`."""

from hp_portal.cli import main

main()
