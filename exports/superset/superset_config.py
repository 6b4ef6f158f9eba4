"""Superset's settings for a look on one's own machine; what is not here is as Superset has it."""

# The page may ask this server and nobody else. So no browser fetches map tiles, nor the pixel that
# counts users of Superset: it is compiled into the page, and SCARF_ANALYTICS comes too late for it.
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    # There is no https on 127.0.0.1.
    "session_cookie_secure": False,
}
# Nothing of the published file is kept: after `make publish`, a reload shows the new run.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
# So that the address and the password are to be seen among what it says.
LOG_LEVEL = "WARNING"
