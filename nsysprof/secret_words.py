"""Words that secrets stand behind, in command lines as in the names of ranges and kernels."""

SECRET_WORDS = (
    *("token", "auth", "authorization", "bearer", "cookie", "credential", "credentials", "secret"),
    *("password", "passwd", "passphrase", "pwd"),
    *(f"{of}{joint}key" for of in ("api", "access", "private", "secret") for joint in ("_", "-", "")),
)
"""What a secret is called wherever it stands."""

OPTION_WORDS = ("pass", "key")
"""What one is called where options end so; elsewhere passes are forward, and keys those of an attention."""
