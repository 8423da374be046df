"""Identity, organizations, access and everything else every application stands on."""
