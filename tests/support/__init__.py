"""What tests stand on: databases, a world to build in, a client that checks every page."""
