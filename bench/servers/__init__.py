"""The servers under test, each a program: `program PORT [--tls CERTIFICATE KEY]` serves on the loopback interface."""
