"""Stand-ins for what lies outside this machine, kept honest by contract tests."""
